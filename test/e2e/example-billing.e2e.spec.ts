import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tieToLifeOfThisProcess } from '../../stack/src/life-line.js';
import { until } from '../harness/until.js';
import { type Api, World } from './harness/world.js';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let world: World;
let api: Api;
let folder: string;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  folder = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'billing-'));
});
afterAll(async () => {
  await world.stop();
  await rm(folder, { recursive: true });
});

/** In a process group of its own, which a terminal's Ctrl-C reaches as a whole. */
function startExample() {
  const child = spawn('npm', ['run', 'example'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: folder, DATA_DIR: folder, BILLING_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const lifeLine = tieToLifeOfThisProcess(-child.pid!, 'SIGKILL');
  const exited = once(child, 'close').finally(() => lifeLine.cut());
  const written: string[] = [];
  for (const output of [child.stdout, child.stderr]) output.on('data', (text) => written.push(String(text)));
  return {
    output: () => written.join(''),
    exited,
    pressCtrlC: () => process.kill(-child.pid!, 'SIGINT'),
  };
}

describe('npm run example', () => {
  it('says what it needs when no Signoff is to be found', async () => {
    const example = startExample();
    expect((await example.exited)[0]).toBe(1);
    expect(example.output()).toContain('let npm start run in another terminal');
    expect(example.output()).not.toContain(' at ');
  });

  it('refuses a session that was ended, as what it prints shows', async () => {
    const demo = { apiUrl: api.url, natsUrl: world.nats.url, serviceKey: world.bootstrapKey };
    await writeFile(join(folder, 'demo.json'), JSON.stringify(demo));
    const example = startExample();
    const text = await until(example.output, (output) => output.includes('Ctrl-C stops it.'), 60_000);
    const lines = text.slice(text.indexOf('# Issue'), text.indexOf('Ctrl-C'));
    const { stdout } = await run('bash', ['-c', lines], { env: { PATH: process.env.PATH } });
    expect(stdout.match(/^HTTP\/1.1 \d+|"code":"\w+"|"inEffect":true,"services"/gm)).toEqual([
      'HTTP/1.1 200',
      '"inEffect":true,"services"',
      'HTTP/1.1 401',
      '"code":"SESSION_REVOKED"',
    ]);
    example.pressCtrlC();
    await example.exited;
    expect(example.output().slice(text.length)).toBe('');
    const { body } = await api.service.get('/api/revocations/1/effect');
    expect(body.data.services).toEqual([]);
  });
});
