import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tieToLifeOfThisProcess } from '../../stack/src/life-line.js';
import { until } from '../harness/until.js';
import { issue } from './harness/sessions.js';
import { end } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const root = join(import.meta.dirname, '../..');
const example = 'examples/stock-nest';

let world: World;
let api: Api;
let connection: NatsConnection;

beforeAll(async () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  [world] = await Promise.all([
    World.create(),
    promisify(execFile)(process.execPath, [tsc, '-p', join(root, example)]),
  ]);
  api = await world.startApi();
  connection = await connect({ servers: world.nats.url });
});
afterAll(async () => {
  await connection.close();
  await world.stop();
});

/** Ready. Its lines are what its handler wrote, and what Nest logs. */
async function startExample() {
  const child = spawn(process.execPath, [join(root, 'dist', example, 'src/main.js')], {
    env: { PATH: process.env.PATH, NATS_URL: world.nats.url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  const exited = once(child, 'exit').finally(() => lifeLine.cut());
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  await until(
    () => lines,
    (written) => written.some((line) => line.includes('microservice successfully started')),
  );
  return {
    ended: () => lines.filter((line) => line.startsWith('session_')),
    async stop() {
      child.kill('SIGTERM');
      return (await exited) as [number | null, string | null];
    },
  };
}

/** Each answer that somebody gives to whoever publishes events: JetStream's are the only ones that should be there. */
function answersToTheRelay() {
  const replies = new Set<string>();
  const heard: Msg[] = [];
  connection.subscribe('sessions.revoked.*', { callback: (_, { reply }: Msg) => void replies.add(reply!) });
  // An answer can be here before what it answers.
  connection.subscribe('_INBOX.>', { callback: (_, message: Msg) => void heard.push(message) });
  return () => heard.filter(({ subject }) => replies.has(subject)).map((message) => message.json());
}

describe('a stock Nest microservice', () => {
  it('is told of each session that is ended while it runs, once for all its processes', async () => {
    const answers = answersToTheRelay();
    const services = [await startExample(), await startExample()];
    const tokens = [];
    for (let i = 0; i < 8; i++) {
      const { token } = await issue(api.service, 'ada');
      await end(api, token);
      tokens.push(token);
    }
    const told = await until(
      () => services.flatMap((one) => one.ended()),
      (lines) => lines.length >= tokens.length,
    );
    expect(told.sort()).toEqual(tokens.map((token) => `${token} of ada was ended: operator`).sort());
    for (const one of services) await one.stop();
    expect(answers()).toEqual(tokens.map(() => expect.objectContaining({ stream: 'SESSIONS' })));
  });

  it('never hears of those that were ended while it was down', async () => {
    const missed = await issue(api.service, 'ada');
    await end(api, missed.token);
    const service = await startExample();
    const { token } = await issue(api.service, 'ada');
    await end(api, token);
    const told = await until(service.ended, (lines) => lines.length > 0);
    expect(told).toEqual([`${token} of ada was ended: operator`]);
    await service.stop();
  });
});
