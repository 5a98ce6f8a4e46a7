import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, describe } from '@jest/globals';
import { connectBus } from '#bus/connect.js';
import { STREAM } from '#bus/subjects.js';
import { startNats, type TestNats } from '../../../test/harness/nats.js';
import { Feed, FeedBroken } from './feed.js';

let nats: TestNats;
let bus: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus(nats.url, 'test');
  manager = await jetstreamManager(bus);
});
afterAll(async () => {
  await bus.close();
  await nats.remove();
});

const publish = async (count: number) => {
  for (let i = 0; i < count; i++) await jetstream(bus).publish('sessions.issued.1', '{}');
};

describe('a feed that was opened beyond the end of a stream', () => {
  // As it happens when the stream is deleted, and filled again, just before. Servers up to 2.10 start at its end instead.
  it('gives the message that it was opened for, or breaks, and never waits for ever', async () => {
    await manager.streams.add({ name: STREAM, subjects: ['sessions.*.*'] });
    await publish(5);
    const feed = await Feed.open(bus, 20, 4);
    await publish(15);
    const first = await feed.read(1).then(
      ([message]) => message!.seq,
      (error: unknown) => error,
    );
    const startsThere = !/^2\.(9|10)\./.test(bus.info!.version);
    expect(first).toEqual(startsThere ? 20 : new FeedBroken('6 came instead of 20'));
    feed.close();
  });
});
