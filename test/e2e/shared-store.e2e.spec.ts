import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { STREAM } from '#bus/subjects.js';
import { until } from '../harness/until.js';
import { ANSWER_WITHIN_MS } from '#revocations/shared-store/work.js';
import { Shop } from './harness/shop.js';
import { type Api, World } from './harness/world.js';

let world: World;
let api: Api;
let shop: Shop;
let connection: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  shop = await Shop.open(world, () => api);
  connection = await connect({ servers: world.nats.url, maxReconnectAttempts: -1 });
  manager = await until(
    () => jetstreamManager(connection),
    () => true,
  );
});
afterEach(async () => {
  await shop.killAll();
  await until(letters, (count) => count === 0);
});
afterAll(async () => {
  await connection.close();
  await world.stop();
});

const letters = () =>
  manager.streams.info('DEAD_LETTERS').then(
    ({ state }) => state.messages,
    () => undefined,
  );
const streamCreated = () =>
  manager.streams.info(STREAM).then(
    ({ created, state }) => ({ created, last: state.last_seq }),
    () => undefined,
  );

/** Whatever was done, and not acknowledged, has been done again. */
async function nothingIsLeft(): Promise<void> {
  const process = shop.start();
  await until(
    () => manager.consumers.info(STREAM, 'forget-shop').catch(() => undefined),
    (info) => info?.num_pending === 0 && info.num_ack_pending === 0,
  );
  await process.stop();
}

/** Deletes it, and waits until the relay has filled another one. */
async function rebuildStream(): Promise<void> {
  const before = (await streamCreated())!;
  await manager.streams.delete(STREAM);
  // The relay looks when it has something to publish.
  await shop.end(await shop.signIn(1));
  await until(
    streamCreated,
    (now) => now !== undefined && now.created !== before.created && now.last > before.last,
  );
}

describe('processes that share a store', () => {
  it('share the work, and forget every session though one is killed in the middle', async () => {
    const tokens = await shop.signIn(60);
    const [holding, ...working] = [shop.start({ hold: true }), shop.start(), shop.start()] as const;
    await shop.end(tokens);
    await until(holding.hands, (hands) => hands.length >= 3);
    const lost = holding.hands();
    await holding.kill();
    await shop.hasForgottenAll();
    for (const one of working) expect(one.hands().length).toBeGreaterThan(0);
    expect(working.flatMap((one) => one.hands())).toEqual(expect.arrayContaining(lost));
  });

  it('forget what was ended while none of them ran', async () => {
    await shop.end(await shop.signIn(20));
    shop.start();
    await shop.hasForgottenAll();
  });

  it('try again what fails, until it does not', async () => {
    const process = shop.start({ tries: 3 });
    const [token] = await shop.signIn(1, 2);
    await shop.end([token!]);
    await shop.hasForgottenAll();
    expect(process.troubles('failed')).toMatchObject([
      { sessionId: token, tries: 1, message: 'the store is away' },
      { sessionId: token, tries: 2 },
    ]);
    expect(process.troubles('dead-letter')).toEqual([]);
  });

  it('miss nothing when the stream is deleted, and built again, while none of them runs', async () => {
    const before = shop.start();
    await shop.end(await shop.signIn(5));
    await shop.hasForgottenAll();
    await before.stop();
    await shop.end(await shop.signIn(20));
    await rebuildStream();
    await shop.end(await shop.signIn(20));
    shop.start();
    await shop.hasForgottenAll();
  });

  it('miss nothing when the stream is deleted, and built again, while they run', async () => {
    const holding = shop.start({ hold: true });
    shop.start();
    const tokens = await shop.signIn(40);
    await shop.end(tokens.slice(0, 20));
    await until(holding.hands, (hands) => hands.length > 0);
    await rebuildStream();
    await holding.kill();
    await shop.end(tokens.slice(20));
    await shop.hasForgottenAll();
  });

  it('miss nothing when nats-server is killed again and again', async () => {
    shop.start();
    shop.start();
    for (let round = 0; round < 4; round++) {
      const tokens = await shop.signIn(40);
      const ending = shop.end(tokens);
      await until(
        () => shop.records(),
        (left) => left.length < 20,
      );
      await world.nats.kill();
      await world.nats.start();
      await ending;
    }
    await shop.hasForgottenAll(40_000);
  });

  it('leave to one what it is long at, until it is frozen', async () => {
    await nothingIsLeft();
    const holding = shop.start({ hold: true });
    const [token] = await shop.signIn(1);
    await shop.end([token!]);
    await until(holding.hands, (hands) => hands.includes(token!));
    const since = performance.now();
    const other = shop.start();
    await until(
      () => performance.now() - since,
      (ago) => ago > 2 * ANSWER_WITHIN_MS,
    );
    expect((await shop.calls()).get(token!)).toBe(1);
    holding.freeze();
    await shop.hasForgottenAll();
    expect(other.hands()).toContain(token);
  });

  it('end at once when they have nothing in hand, and without what they have when that takes for ever', async () => {
    await nothingIsLeft();
    await shop.end(await shop.signIn(10));
    const holding = shop.start({ hold: true });
    // As many as it takes at a time, and two that it has no room for.
    await until(holding.hands, (hands) => hands.length === 8);
    const idle = shop.start();
    await until(idle.hands, (hands) => hands.length === 2);
    await Promise.all([idle.stop(), holding.stop()]);
    shop.start();
    await shop.hasForgottenAll();
  });
});
