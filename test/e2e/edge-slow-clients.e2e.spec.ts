import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RawConnection } from './harness/raw-connection.js';
import { everythingRecorded } from './harness/recorded.js';
import { type Api, World } from './harness/world.js';

const HEAD_MS = 10_000;
const REQUEST_MS = 20_000;
const LINGER_MS = 5_000;
/** Node looks once a second; the rest is for a busy machine. */
const GRACE_MS = 5_000;

const HALF_A_HEAD = 'POST /api/sessions HTTP/1.1\r\nHost: signoff.test\r\nX-Slow: ';
const halfABody = (credential: string) =>
  `POST /api/sessions HTTP/1.1\r\nHost: signoff.test\r\nAuthorization: Bearer ${credential}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"accountId":"ada"`;

describe('a client that is slow', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterAll(() => world.stop());

  const malformed = async () =>
    /signoff_refusals_total\{code="REQUEST_MALFORMED"\} (\d+)/.exec(
      (await api.as().get('/metrics')).text,
    )?.[1];

  it.concurrent.each([
    ['says nothing', '', 0, HEAD_MS],
    ['does not end its head', HALF_A_HEAD, 0, HEAD_MS],
    ['ends its head byte by byte', HALF_A_HEAD, 200, HEAD_MS],
    ['does not end its body', 'body', 0, REQUEST_MS],
    ['ends its body byte by byte', 'body', 400, REQUEST_MS],
  ])(
    'is answered 408 and let go when it %s',
    async (_what, said, dripEveryMs, within) => {
      const connection = await RawConnection.open(api.url);
      connection.write(said === 'body' ? halfABody(world.bootstrapKey) : said);
      const dripping = setInterval(() => dripEveryMs && connection.write(' '), dripEveryMs || 1_000);
      const answer = await connection.next({ patience: within + GRACE_MS });
      clearInterval(dripping);
      expect(answer?.status).toBe(408);
      expect(JSON.parse(answer!.text)).toMatchObject({ status: 408, code: 'REQUEST_TIMEOUT' });
      const open = await connection.closed;
      expect(open).toBeGreaterThan(within - 500);
      expect(open).toBeLessThan(within + GRACE_MS);
    },
    REQUEST_MS + 3 * GRACE_MS,
  );

  it.concurrent(
    'may rest between two requests for longer than that',
    async () => {
      const connection = await RawConnection.open(api.url);
      for (const rest of [HEAD_MS + 2_000, 0]) {
        connection.write('GET /health/live HTTP/1.1\r\nHost: signoff.test\r\n\r\n');
        expect((await connection.next())?.status).toBe(200);
        await new Promise((resolve) => setTimeout(resolve, rest));
      }
      connection.destroy();
    },
    REQUEST_MS + 3 * GRACE_MS,
  );

  it.concurrent('keeps nobody else waiting', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(api.url)));
    for (const connection of slow) connection.write(HALF_A_HEAD);
    expect((await api.service.get('/api/keys')).status).toBe(200);
    for (const connection of slow) connection.destroy();
  });

  it('is let go when it goes on sending behind an answer that closes the connection, and not heard', async () => {
    const refused = await malformed();
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => {}).resume();
    socket.write('GET /health/live HTTP/1.1\r\nHost: signoff.test\r\nConnection: close\r\n\r\n');
    await once(socket, 'end');
    const answeredAt = performance.now();
    const dripping = setInterval(() => socket.write('x'), 200);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(dripping);
    const open = performance.now() - answeredAt;
    expect(open).toBeGreaterThan(LINGER_MS - 500);
    expect(open).toBeLessThan(LINGER_MS + GRACE_MS);
    expect(await malformed()).toBe(refused);
  }, 30_000);

  it('leaves nothing behind: no event, no failure', async () => {
    const before = await everythingRecorded(world.owner);
    expect(before).toMatchObject({ position: 0 });
    expect(api.output()).not.toMatch(/"level":[456]0/);
  });
});
