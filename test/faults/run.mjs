import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchNatsServers, findPostgresVersions } from './versions.mjs';

const usage = `Kills and damages what Signoff runs on, under load, and sees that nothing is lost.

  npm run test:faults                     every scenario once, on the installed versions
  npm run test:faults -- nats projector   those whose file name says so
  npm run test:faults -- --only 'frozen'  those whose name says so
  npm run test:faults -- --times 10       ten times, with other seeds
  npm run test:faults -- --seed 4711      with the choices of an earlier run
  npm run test:faults -- --results FILE   and leaves there what Jest reports
  npm run test:faults -- --all            on every version of NATS and PostgreSQL that can be had, a cluster as well;
                                          writes what came of it to docs/fault-matrix.md
  npm run test:faults -- --all --on 2.15  on those versions alone, and leaves the others' last results there

Each run prints its seed: it makes the same choices again, though not the same timing. A failed run ends the rest,
except with --all.`;

const root = join(import.meta.dirname, '../..');
const MATRIX = join(root, 'docs/fault-matrix.md');
const say = (line) => console.log(line);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string', default: '1' },
    seed: { type: 'string' },
    only: { type: 'string' },
    results: { type: 'string' },
    all: { type: 'boolean' },
    on: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h' },
  },
});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());

if (values.help) say(usage);
else process.exitCode = values.all ? await runOnEveryVersion() : await repeat(Number(values.times));

async function repeat(times) {
  for (let round = 1; round <= times && !stop.signal.aborted; round++) {
    const { passed } = await run(`run ${round} of ${times}`);
    if (!passed) return 1;
  }
  return stop.signal.aborted ? 130 : 0;
}

async function runOnEveryVersion() {
  const { servers, remove } = await fetchNatsServers(say);
  const all = [];
  const kept = await lastResults();
  try {
    for (const postgres of await findPostgresVersions(say)) {
      for (const nats of servers) {
        if (stop.signal.aborted) return 130;
        const name = `${nats.name}, ${postgres.name}`;
        if (!name.includes(values.on)) continue;
        const variables = { NATS_SERVER: nats.binary, POSTGRES_BIN_DIR: postgres.binDir, FAULT_CLUSTER: '1' };
        const done = await run(name, variables);
        all.push(done.passed);
        kept.set(name, row(name, done));
        if (positionals.length === 0 && !values.only) await writeFile(MATRIX, report(kept));
      }
    }
  } finally {
    await remove();
  }
  return all.length > 0 && all.every(Boolean) ? 0 : 1;
}

async function run(name, variables = {}) {
  const seed = values.seed ?? String(randomInt(2 ** 31));
  say(`${name}, seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'signoff-faults-'));
  const outputFile = resolve(values.results ?? join(folder, 'results.json'));
  const only = values.only ? ['--testNamePattern', values.only] : [];
  const began = performance.now();
  try {
    const exit = await jest(['--json', `--outputFile=${outputFile}`, ...only, ...positionals], {
      ...variables,
      FAULT_SEED: seed,
    });
    const { numPassedTests = 0, testResults = [] } = JSON.parse(
      await readFile(outputFile, 'utf8').catch(() => '{}'),
    );
    const failed = testResults.flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    );
    // A file that could not run has no test that failed.
    if (exit !== 0 && failed.length === 0) failed.push('the run itself');
    const seconds = Math.round((performance.now() - began) / 1_000);
    say(`${name}, seed ${seed}: ${numPassedTests} passed, ${failed.length} failed, ${seconds} s`);
    return { seed, seconds, count: numPassedTests, failed, passed: exit === 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function jest(args, variables) {
  const child = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(root, 'node_modules/jest/bin/jest.js'),
      '--config',
      join(import.meta.dirname, 'jest.config.mjs'),
      ...args,
    ],
    { cwd: root, env: { ...process.env, ...variables }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const end = () => child.kill('SIGTERM');
  stop.signal.addEventListener('abort', end, { once: true });
  const [code] = await once(child, 'exit');
  stop.signal.removeEventListener('abort', end);
  return code ?? 1;
}

/** The rows of docs/fault-matrix.md, by what they ran on. */
async function lastResults() {
  const text = await readFile(MATRIX, 'utf8').catch(() => '');
  const rows = text.split('\n').filter((line) => line.startsWith('| nats-server'));
  return new Map(rows.map((line) => [line.split(' | ')[0].slice('| '.length), line]));
}

function row(name, { seed, seconds, count, failed }) {
  const date = new Date().toISOString().slice(0, 10);
  return `| ${name} | ${date} | ${process.version.slice(1)} | ${seed} | ${count} | ${failed.join('; ') || 'none'} | ${seconds} |`;
}

function report(rows) {
  return `# The fault suite's last run on every version

By \`npm run test:faults -- --all\`, which writes this page.

| on | date | Node | seed | tests passed | failed | seconds |
| --- | --- | --- | --- | --- | --- | --- |
${[...rows.values()].join('\n')}
`;
}
