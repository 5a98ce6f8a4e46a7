import { createServer, get, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '../../../../test/harness/until.js';
import { writeTogether } from './write-together.js';

let server: Server;
/** To be answered. */
let asked: ServerResponse[];
let uncorked: jest.Spied<Socket['uncork']>;

beforeEach(async () => {
  asked = [];
  uncorked = jest.spyOn(Socket.prototype, 'uncork');
  server = createServer((_, response) => asked.push(response));
  writeTogether(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** The text of each answer. */
async function ask(count: number): Promise<Promise<string>[]> {
  const { port } = server.address() as AddressInfo;
  const answers = Array.from(
    { length: count },
    () =>
      new Promise<string>((resolve, reject) => {
        get({ port, host: '127.0.0.1', agent: false }, (answer) => {
          answer.setEncoding('utf8').on('data', resolve).on('error', reject);
        }).on('error', reject);
      }),
  );
  for (const answer of answers) answer.catch(() => undefined);
  await until(
    () => asked.length,
    (waiting) => waiting === count,
  );
  return answers;
}

const written = () =>
  asked.filter(({ socket, req }) => uncorked.mock.contexts.includes(socket ?? req.socket)).length;

describe('answers that get ready in one turn', () => {
  it('are written when all of them are ready', async () => {
    const answers = await ask(3);
    for (const [i, response] of asked.entries()) {
      response.end(`answer ${i}`);
      expect(written()).toBe(0);
    }
    await setImmediate();
    expect(written()).toBe(3);
    expect((await Promise.all(answers)).sort()).toEqual(['answer 0', 'answer 1', 'answer 2']);
  });

  it('are written before connections are closed that rest, as a server that stops does', async () => {
    const answers = await ask(3);
    for (const response of asked) response.end('x');
    server.closeIdleConnections();
    expect(await Promise.all(answers)).toEqual(['x', 'x', 'x']);
  });

  it('do not wait for more than 32', async () => {
    const answers = await ask(40);
    const after = asked.map((response) => (response.end('x'), written()));
    expect(after).toEqual([...Array<number>(31).fill(0), ...Array<number>(9).fill(32)]);
    expect(await Promise.all(answers)).toEqual(Array(40).fill('x'));
    expect(written()).toBe(40);
  });
});
