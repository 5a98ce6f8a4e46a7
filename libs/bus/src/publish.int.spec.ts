import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newEvent } from '../../../test/harness/appends.js';
import { startNats, type TestNats } from '../../../test/harness/nats.js';
import { readStreamUpTo } from '../../../test/harness/stream-reader.js';
import { connectBus } from './connect.js';
import { toMessage, type BusMessage } from './envelope.js';
import { publishInOrder } from './publish.js';
import { ensureStream, streamInfo } from './stream.js';
import { STREAM } from './subjects.js';

let nats: TestNats;
let connection: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats();
  connection = await connectBus(nats.url, 'test');
  manager = await jetstreamManager(connection);
});
beforeEach(async () => {
  if (await streamInfo(manager)) await manager.streams.delete(STREAM);
  await ensureStream(connection, manager, { replicas: 1, maxAgeMs: 9e9, maxBytes: -1 }, () =>
    Promise.resolve(1),
  );
});
afterAll(async () => {
  await connection.close();
  await nats.remove();
});

const log = { logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11', epoch: 1 };

const messages = (from: number, to: number): BusMessage[] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    toMessage(
      {
        ...newEvent(),
        position: from + i,
        version: from + i,
        streamId: `account-${i % 5}`,
        recordedAt: 0,
        revocation: null,
        hash: Buffer.alloc(32),
      },
      log,
      'test',
    ),
  );

const publish = (batch: readonly BusMessage[], on = connection) => publishInOrder(on, batch);
const stored = async () => (await streamInfo(manager))!.state.messages;

describe('publishing a batch', () => {
  it('stores each message at its position', async () => {
    const batch = messages(1, 300);
    expect(await publish(batch)).toEqual({ kind: 'stored' });
    const read = await readStreamUpTo(nats.url, 300);
    expect(read.map(({ seq, subject, body }) => [seq, subject, body])).toEqual(
      batch.map(({ position, subject, body }) => [position, subject, body]),
    );
    expect(read[0]!.headers).toMatchObject({ 'ce-specversion': '1.0', 'Signoff-Hash': '00'.repeat(32) });
  });

  it('of nothing stores nothing', async () => {
    expect(await publish([])).toEqual({ kind: 'stored' });
    expect(await stored()).toBe(0);
  });

  it('a second time is refused and stores nothing', async () => {
    const batch = messages(1, 20);
    await publish(batch);
    expect(await publish(batch)).toMatchObject({ kind: 'wrong-sequence' });
    expect(await stored()).toBe(20);
  });

  it('that leaves a gap is refused and stores nothing', async () => {
    await publish(messages(1, 3));
    expect(await publish(messages(5, 9))).toMatchObject({ kind: 'wrong-sequence' });
    expect(await stored()).toBe(3);
  });

  it('of which the stream has a part stores the rest, and says that something was refused', async () => {
    const batch = messages(1, 10);
    await publish(batch.slice(0, 4));
    expect(await publish(batch)).toMatchObject({ kind: 'wrong-sequence' });
    const read = await readStreamUpTo(nats.url, 10);
    expect(read.map(({ body }) => body)).toEqual(batch.map(({ body }) => body));
  });

  it('fails when there is no stream', async () => {
    await manager.streams.delete(STREAM);
    expect(await publish(messages(1, 2))).toMatchObject({ kind: 'failed' });
  });

  it('fails when the stream is full, and stores no message behind one that it refused', async () => {
    await manager.streams.update(STREAM, { max_bytes: 6_000 });
    expect(await publish(messages(1, 30))).toMatchObject({ kind: 'wrong-sequence' });
    const { state } = (await streamInfo(manager))!;
    expect(state.last_seq).toBe(state.messages);
    expect(state.messages).toBeLessThan(30);
    expect(await publish(messages(state.messages + 1, 30))).toMatchObject({ kind: 'failed' });
    expect(await stored()).toBe(state.messages);
  });
});

describe('several publishers of the same events at once', () => {
  it('store each exactly once and in order', async () => {
    const publishers = await Promise.all(
      Array.from({ length: 4 }, (_, i) => connectBus(nats.url, `publisher ${i}`)),
    );
    const all = messages(1, 600);
    const run = async (on: NatsConnection, step: number) => {
      for (;;) {
        const { last_seq: last } = (await streamInfo(manager))!.state;
        if (last === all.length) return;
        await publish(all.slice(last, last + step), on);
      }
    };
    await Promise.all(publishers.map((on, i) => run(on, 7 + 30 * i)));
    await Promise.all(publishers.map((on) => on.close()));
    const read = await readStreamUpTo(nats.url, all.length);
    expect(read.map(({ seq, body }) => [seq, body])).toEqual(
      all.map(({ position, body }) => [position, body]),
    );
  });
});
