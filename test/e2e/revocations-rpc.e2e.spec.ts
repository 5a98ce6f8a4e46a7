import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnPostgres, type OwnPostgres } from './harness/own-postgres.js';
import { startNats } from '../harness/nats.js';
import { until } from '../harness/until.js';
import { recordedEvents } from './harness/recorded.js';
import { endedSessions } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

let postgres: OwnPostgres;
let world: World;
let apis: Api[];
let bus: NatsConnection;
const ended: string[] = [];

beforeAll(async () => {
  postgres = await startOwnPostgres();
  world = World.on(postgres, await startNats());
  apis = [await world.startApi(), await world.startApi()];
  bus = await connect({ servers: world.nats.url });
  ended.push(...(await endedSessions(apis[0]!, 7)));
});
afterAll(async () => {
  await bus.close();
  await world.stop();
});

const ask = async (door: string, question: unknown) => {
  const text = typeof question === 'string' ? question : JSON.stringify(question);
  return (await bus.request(`signoff.rpc.billing.${door}`, text, { timeout: 5_000 })).json<any>();
};

const head = async () => {
  const { rows } = await world.owner.query(
    `SELECT log_id AS "logId", epoch, position, revocations, revocations_floor AS "revocationsFloor" FROM event_log.head`,
  );
  return rows[0] as { logId: string; epoch: number; position: number; revocations: number };
};

describe('who asks for the head', () => {
  it('is told how far the log is, with its own nonce and the time of PostgreSQL', async () => {
    const before = Date.now();
    const answer = await ask('head', { nonce: 'abc' });
    expect(answer).toEqual({ ...(await head()), nonce: 'abc', time: expect.any(String) });
    expect(Math.abs(Date.parse(answer.time) - before)).toBeLessThan(60_000);
  });

  it('is never told less than was there before the question, however many ask at once', async () => {
    for (let round = 0; round < 20; round++) {
      const answers = Array.from({ length: 20 }, (_, i) => ask('head', { nonce: `${i}` }));
      const more = await endedSessions(apis[round % 2]!, 1);
      ended.push(...more);
      const { nonce, revocations } = await ask('head', { nonce: 'last' });
      expect([nonce, revocations]).toEqual(['last', ended.length]);
      expect((await Promise.all(answers)).map(({ nonce }) => nonce)).toEqual(answers.map((_, i) => `${i}`));
    }
  });

  it('is answered once, by one of the processes', async () => {
    const inbox = createInbox();
    const answers: string[] = [];
    bus.subscribe(inbox, {
      callback: (_, message) => void answers.push(message.json<{ nonce: string }>().nonce),
    });
    for (const nonce of ['one', 'two', 'three']) {
      bus.publish('signoff.rpc.billing.head', JSON.stringify({ nonce }), { reply: inbox });
    }
    await until(
      () => answers.length,
      (count) => count >= 3,
    );
    for (let i = 0; i < 5; i++) await ask('head', { nonce: 'later' });
    expect(answers.sort()).toEqual(['one', 'three', 'two']);
  });
});

describe('who asks for revocations', () => {
  it('gets them in order, as many as there are or as were asked for, behind the one that was named', async () => {
    const recorded = await recordedEvents(world.owner);
    const all = recorded.flatMap(({ revocation, position, data }) =>
      revocation === null
        ? []
        : [
            {
              revocation,
              position,
              sessionId: data.sessionId,
              credentialsExpireAt: data.credentialsExpireAt,
            },
          ],
    );
    expect(all.map(({ sessionId }) => sessionId)).toEqual(ended);
    const { logId, epoch } = await head();
    const page = (after: number, limit: number) => ask('revocations', { after, limit });
    expect(await page(0, 5_000)).toEqual({ logId, epoch, revocations: all });
    expect(await page(3, 2)).toEqual({ logId, epoch, revocations: all.slice(3, 5) });
    expect(await page(all.length, 10)).toEqual({ logId, epoch, revocations: [] });
    expect(await page(Number.MAX_SAFE_INTEGER, 10)).toEqual({ logId, epoch, revocations: [] });
  });

  it('finds them by their number, not by reading the log', async () => {
    const { rows } = await world.owner.query(
      `EXPLAIN SELECT revocation FROM event_log.event WHERE revocation > 0 ORDER BY revocation LIMIT 2`,
    );
    expect(JSON.stringify(rows)).toContain('Index');
  });
});

describe('a question that makes no sense', () => {
  it.each([
    ['head', ''],
    ['head', '{'],
    ['head', 'null'],
    ['head', '[]'],
    ['head', {}],
    ['head', { nonce: '' }],
    ['head', { nonce: 7 }],
    ['head', { nonce: 'x'.repeat(65) }],
    ['head', { nonce: 'x', more: 'x'.repeat(2_000) }],
    ['revocations', ''],
    ['revocations', {}],
    ['revocations', { after: 0 }],
    ['revocations', { limit: 1 }],
    ['revocations', { after: -1, limit: 1 }],
    ['revocations', { after: 0.5, limit: 1 }],
    ['revocations', { after: '0', limit: 1 }],
    ['revocations', { after: 2 ** 53, limit: 1 }],
    ['revocations', { after: 0, limit: 0 }],
    ['revocations', { after: 0, limit: 5_001 }],
    ['revocations', { after: 0, limit: null }],
    ['revocations', '{"after":0,"limit":1e400}'],
  ])('to %s: %j is refused', async (door, question) => {
    expect((await ask(door, question)).error).toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.any(String),
    });
  });

  it('names the field', async () => {
    const { error } = await ask('revocations', { after: -1, limit: 1 });
    expect(error.errors).toEqual([{ field: 'after', message: expect.any(String) }]);
  });

  it('and nobody to answer is no reason to stop', async () => {
    bus.publish('signoff.rpc.billing.head', '{"nonce":"x"}');
    bus.publish('signoff.rpc.billing.revocations', Buffer.from([0xff, 0xfe, 0]));
    expect(await ask('head', { nonce: 'y' })).toMatchObject({ nonce: 'y' });
  });
});

describe('PostgreSQL is away', () => {
  it('is said, and over when it is back', async () => {
    await postgres.stop();
    expect((await ask('head', { nonce: 'a' })).error.code).toBe('LOG_UNAVAILABLE');
    expect((await ask('revocations', { after: 0, limit: 1 })).error.code).toBe('LOG_UNAVAILABLE');
    await postgres.start();
    await until(
      () => ask('head', { nonce: 'b' }),
      ({ nonce }) => nonce === 'b',
    );
    expect((await ask('revocations', { after: 0, limit: 1 })).revocations).toHaveLength(1);
  });
});
