import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { issue } from './harness/sessions.js';
import { startSubscriber } from './harness/subscriber-process.js';
import { end, endedSessions, Subscribers, verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const MAX_STALENESS = 1_000;
/** When it has to refuse, and what a busy machine gets until somebody looks. */
const REFUSES_WITHIN = MAX_STALENESS + 5_000;

let world: World;
let api: Api;
let subscribers: Subscribers;
let alive: string;
let ended: string;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  subscribers = new Subscribers(world);
  ({ token: alive } = await issue(api.service, 'ada'));
  [ended] = (await endedSessions(api, 1)) as [string];
});
afterAll(async () => {
  await subscribers.stop();
  await world.stop();
});

describe('a service that is cut off', () => {
  const cuts: [string, () => unknown, () => unknown][] = [
    ['from NATS, which does not answer', () => world.nats.freeze(), () => world.nats.thaw()],
    ['from NATS, which is away', () => world.nats.stop(), () => world.nats.start()],
    ['from the API, which does not answer', () => api.freeze(), () => api.thaw()],
    ['from the API, which is away', () => api.kill(), async () => (api = await world.startApi())],
  ];

  it.each(cuts)('%s, refuses within maxStaleness, and takes up again', async (_, cut, mend) => {
    const strict = subscribers.start({ maxStaleness: MAX_STALENESS });
    const lenient = subscribers.start({ maxStaleness: MAX_STALENESS, policy: 'allow' });
    await Promise.all([strict.ready(), lenient.ready()]);
    await cut();
    try {
      await until(
        () => verdict(strict, alive),
        (answer) => answer === 'REVOCATIONS_STALE',
        REFUSES_WITHIN,
      );
      // What is known to be ended is ended, however stale; nothing else is known.
      expect(verdict(strict, ended)).toBe(true);
      expect(strict.staleness()).toBeGreaterThan(MAX_STALENESS);
      await until(
        () => lenient.staleness(),
        (staleness) => staleness > MAX_STALENESS,
        REFUSES_WITHIN,
      );
      expect([verdict(lenient, alive), verdict(lenient, ended)]).toEqual([false, true]);
    } finally {
      await mend();
    }
    await Promise.all([strict.ready(), lenient.ready()]);
    expect([verdict(strict, alive), verdict(strict, ended)]).toEqual([false, true]);
    await subscribers.stop();
  });
});

describe('a service that was frozen', () => {
  it('refuses at once when it thaws, and knows what was ended meanwhile before it is ready again', async () => {
    const subscriber = await startSubscriber(world.nats.url, MAX_STALENESS);
    try {
      const { token } = await issue(api.service, 'bob');
      expect(await subscriber.asks(token)).toMatchObject({ verdict: false });
      subscriber.freeze();
      const frozenAt = performance.now();
      await end(api, token, 'bob');
      await until(
        () => performance.now() - frozenAt,
        (frozen) => frozen > MAX_STALENESS + 200,
      );
      // Lies in its input when it thaws.
      const [first, then] = [subscriber.asks(token), subscriber.asksWhenReady(token)];
      subscriber.thaw();
      expect((await first).verdict).not.toBe(false);
      expect(await then).toMatchObject({ verdict: true });
    } finally {
      await subscriber.stop();
    }
  });
});

describe('a service that has closed the library', () => {
  it('is told so, whatever it asks', async () => {
    const revocations = subscribers.start();
    await revocations.ready();
    await revocations.close();
    expect([verdict(revocations, alive), verdict(revocations, ended)]).toEqual([
      'REVOCATIONS_CLOSED',
      'REVOCATIONS_CLOSED',
    ]);
    await expect(revocations.ready()).rejects.toMatchObject({ code: 'REVOCATIONS_CLOSED' });
  });

  it('is not kept waiting by a NATS that does not answer', async () => {
    const connected = subscribers.start();
    await connected.ready();
    world.nats.freeze();
    const connecting = subscribers.start();
    await subscribers.stop();
    expect([verdict(connected, alive), verdict(connecting, alive)]).toEqual([
      'REVOCATIONS_CLOSED',
      'REVOCATIONS_CLOSED',
    ]);
    world.nats.thaw();
  });

  it('before it ever was ready is not kept waiting', async () => {
    await world.nats.stop();
    const revocations = subscribers.start();
    const ready = revocations.ready();
    await Promise.all([
      expect(ready).rejects.toMatchObject({ code: 'REVOCATIONS_CLOSED' }),
      revocations.close(),
    ]);
    await world.nats.start();
  });
});
