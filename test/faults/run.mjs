import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const usage = `Kills and damages what Signoff runs on, under load, and sees that nothing is lost.

  npm run test:faults                         every scenario once, on the installed versions
  npm run test:faults -- nats projector       those whose file name says so
  npm run test:faults -- --times 10           ten times, with other seeds
  npm run test:faults -- --seed 4711          with the choices of an earlier run

Each run prints its seed: it makes the same choices again, though not the same timing.`;

const root = join(import.meta.dirname, '../..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string', default: '1' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) console.log(usage);
else process.exitCode = await repeat(Number(values.times));

async function repeat(times) {
  for (let round = 1; round <= times; round++) {
    const seed = values.seed ?? String(randomInt(2 ** 31));
    console.log(`run ${round} of ${times}, seed ${seed}`);
    const exit = await run(seed);
    if (exit !== 0) return exit;
  }
  return 0;
}

async function run(seed) {
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const args = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest];
  const child = spawn(
    process.execPath,
    [...args, '--config', join(import.meta.dirname, 'jest.config.mjs'), ...positionals],
    { cwd: root, env: { ...process.env, FAULT_SEED: seed }, stdio: 'inherit' },
  );
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
