import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const PARTS = {
  http: 'list, introspect, revoke and issue over HTTP, beside floors and peers',
  append: 'appends to the log, grouped and not',
  relay: 'from the log to the stream',
  projection: 'from the stream to the read model',
  effect: 'how long until a revocation is in effect in services',
  revocations: 'isRevoked, and catching up',
  rebuild: 'the read model from the log',
  verify: 'the whole log and an export of it',
  growth: 'more sessions, more API processes',
  memory: 'how much API and projector hold at most',
  'long-account': 'an account with many past sessions',
  audit: 'searches of the audit trail',
  capacity: 'bytes on disk of everything',
};

const usage = `npm run bench [-- <part> …] [options]

Each part starts what it needs, measures ours, floors and peers in turns, and writes bench/results/<part>-node<major>.md and .svg;
bench/RESULTS.md has all of them.

${Object.entries(PARTS)
  .map(([part, what]) => `  ${part.padEnd(13)} ${what}`)
  .join('\n')}

  --rounds <n>     how often each is measured; 5
  --seconds <n>    how long each time; 3
  --only <case>    of the part http: one case
  --accounts <n>   of the part http: 100000, with 5 sessions each
  --sessions <n,…> of the part growth: 10k,100k,1M; 10M takes a quarter of an hour and 30 GB more
  --smoke          each part once, with small numbers: that it works, not how fast; writes nothing here`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    smoke: { type: 'boolean' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    accounts: { type: 'string' },
    sessions: { type: 'string' },
  },
});
const unknown = positionals.filter((part) => !Object.hasOwn(PARTS, part));
if (values.help || unknown.length > 0) {
  console.log(usage);
  process.exit(unknown.length > 0 ? 2 : 0);
}

// Whatever was started ends with this process.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

const here = import.meta.dirname;
if (!existsSync(join(here, 'node_modules'))) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
}

const { smoke } = values;
const whole = (text) =>
  text === undefined ? undefined : Number(text.replace('k', '000').replace('M', '000000'));
const options = {
  smoke,
  rounds: whole(values.rounds) ?? (smoke ? 1 : 5),
  seconds: whole(values.seconds) ?? (smoke ? 1 : 3),
  warmUp: !smoke,
  only: values.only,
  accounts: whole(values.accounts),
  sessions: values.sessions?.split(',').map(whole),
};
const results = smoke ? mkdtempSync(join(tmpdir(), 'signoff-bench-')) : join(here, 'results');
const { combine, report } = await import('./output.mjs');
const { withPostgres } = await import('./stack.mjs');
const failed = [];
await withPostgres(async () => {
  for (const part of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
    console.log(`--- ${part}`);
    const began = performance.now();
    try {
      const { run } = await import(`./parts/${part}.mjs`);
      await report(results, part, await run(options));
      console.log(`--- ${part}: ${Math.round((performance.now() - began) / 1_000)} s`);
    } catch (error) {
      failed.push(part);
      console.error(error);
    }
  }
});
if (smoke) rmSync(results, { recursive: true });
else await combine(join(here, 'RESULTS.md'), results, Object.keys(PARTS));
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exit(1);
}
