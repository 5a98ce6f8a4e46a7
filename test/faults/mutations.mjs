import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

const usage = `Shows that the fault suite bites: takes one safeguard out of a copy of the code at a time, and expects the
scenario that needs it to fail. Exits with 0 when each of them did.

  node test/faults/mutations.mjs              all of them (some minutes)
  node test/faults/mutations.mjs fresh cache  those whose name says so`;

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
/** What depends on chance is given so many. */
const CHANCES = 3;

const mutations = [
  {
    name: 'no expected sequence',
    file: 'libs/bus/src/publish.ts',
    from: 'expect: { streamName: STREAM, lastSequence: position - 1 },',
    to: 'expect: { streamName: STREAM },',
    scenario: 'stale-relay',
    only: 'two relays',
  },
  {
    name: 'no compare-and-set of the checkpoint',
    file: 'apps/session-projector/src/projections/projected-tables.ts',
    from: 'AND position = $4\n      AND EXISTS',
    to: 'AND $4::bigint IS NOT NULL\n      AND EXISTS',
    scenario: 'projector-killed',
    only: 'a statement on its way',
  },
  {
    name: 'one outcome for a whole group',
    file: 'libs/event-log/src/writer.ts',
    from: 'resolve(outcomes[i]!)',
    to: 'resolve(outcomes[i && 0]!)',
    scenario: 'api-killed',
    only: 'killed under load',
  },
  {
    name: 'a kept fold is trusted',
    file: 'libs/event-log/src/folds.ts',
    from: 'if (kept?.version === version && kept.row === row) return { ...kept, now };',
    to: 'if (kept) return { ...kept, now };',
    scenario: 'api-killed',
    only: 'killed under load',
  },
  {
    name: 'no fresh consumer',
    file: 'apps/session-projector/src/feed.ts',
    from: 'name: `session-projector-${nuid.next()}`,',
    to: 'durable_name: `session-projector`,',
    scenario: 'projector-killed',
    only: 'at any of its steps',
  },
  {
    name: 'commits that do not wait for the disk',
    file: 'libs/event-log/src/writer.ts',
    from: 'pipeline: true,',
    to: "pipeline: true, options: '-c synchronous_commit=off',",
    scenario: 'postgresql-killed',
    only: 'crash',
  },
  {
    name: 'a read model that is behind answers',
    file: 'apps/sessions-api/src/queries/sessions-from-read-model.ts',
    from: 'complete ? {',
    to: 'complete || true ? {',
    scenario: 'slow-and-full',
    only: 'answers slowly',
  },
  {
    name: 'no connection left is an error of ours',
    file: 'apps/sessions-api/src/http/problem-of.ts',
    from: '|08|53|57)',
    to: '|08|57)',
    scenario: 'slow-and-full',
    only: 'no connection left',
  },
  {
    name: 'no end to waiting for the log',
    file: 'libs/event-log/src/writer.ts',
    from: 'giveUpAt: performance.now() + WAIT_FOR_MS',
    to: 'giveUpAt: Infinity',
    scenario: 'overload',
    only: 'head is locked',
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});
if (values.help) console.log(usage);
else process.exitCode = (await tryAll()) ? 0 : 1;

async function tryAll() {
  const wanted = mutations.filter(
    ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
  );
  let allBite = true;
  for (const mutation of wanted) {
    const failure = await failureUnder(mutation);
    console.log(`${mutation.name}: ${mutation.scenario} ${failure ? 'fails, as it should' : 'PASSES'}`);
    if (failure) console.log(failure.replaceAll(/^/gm, '    '));
    allBite &&= failure !== undefined;
  }
  return allBite;
}

/** What the scenario said first; undefined when it passed. */
async function failureUnder({ file, from, to, scenario, only }) {
  const copy = await mkdtemp(join(tmpdir(), 'signoff-mutation-'));
  try {
    const { stdout } = await run('git', ['ls-files'], { cwd: root, maxBuffer: 2 ** 24 });
    for (const name of stdout.trim().split('\n')) await cp(join(root, name), join(copy, name));
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    const text = await readFile(join(copy, file), 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not have this once: ${from}`);
    await writeFile(
      join(copy, file),
      text.replace(from, () => to),
    );
    await run('npm', ['run', '--silent', 'build'], { cwd: copy });
    for (let chance = 0; chance < CHANCES; chance++) {
      const results = join(copy, 'results.json');
      const args = ['test/faults/run.mjs', scenario, '--only', only, '--results', results];
      const child = spawn(process.execPath, args, { cwd: copy, stdio: 'ignore' });
      const [code] = await once(child, 'exit');
      if (code !== 0) return firstFailure(JSON.parse(await readFile(results, 'utf8')));
    }
    return undefined;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

function firstFailure({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const { fullName, failureMessages } = tests.find(({ status }) => status === 'failed');
  const lines = failureMessages[0].split('\n').filter((line) => line.trim() && !/^\s+at /.test(line));
  return [fullName, ...lines.slice(0, 4)].join('\n');
}
