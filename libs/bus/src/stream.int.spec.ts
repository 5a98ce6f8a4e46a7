import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type TestNats } from '../../../test/harness/nats.js';
import { until } from '../../../test/harness/until.js';
import { connectBus } from './connect.js';
import { ensureStream, streamInfo, type StreamSettings } from './stream.js';
import { STREAM } from './subjects.js';

const DAY_MS = 86_400_000;
const settings: StreamSettings = { replicas: 1, maxAgeMs: 100 * DAY_MS, maxBytes: -1 };

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
});
afterAll(async () => {
  await connection.close();
  await nats.remove();
});

const ensure = (change: Partial<StreamSettings> = {}, firstSequence = 1) =>
  ensureStream(connection, manager, { ...settings, ...change }, () => Promise.resolve(firstSequence));

const mustNotAsk = () => Promise.reject(new Error('asked for a first sequence'));

describe('a stream that is missing', () => {
  it('is created to keep every event on disk, refuse new ones when it is full, and delete none', async () => {
    const { config, state } = await ensure();
    expect(config).toMatchObject({
      name: 'SESSIONS',
      subjects: ['sessions.*.*'],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      deny_delete: true,
      deny_purge: false,
      num_replicas: 1,
      max_age: nanos(100 * DAY_MS),
      max_bytes: -1,
      max_msgs: -1,
      max_msgs_per_subject: -1,
    });
    expect(state).toMatchObject({ messages: 0, last_seq: 0 });
  });

  it('begins at the sequence that is asked for, where the server can do that', async () => {
    const [major = 0, minor = 0] = connection.info!.version.split('.').map(Number);
    const able = major > 2 || minor >= 10;
    await ensure({}, 500);
    const { seq } = await connection
      .request('sessions.issued.1', '{}')
      .then((answer) => answer.json<{ seq: number }>());
    expect(seq).toBe(able ? 500 : 1);
  });

  it.each([1, 500])('keeps its messages over a restart of the server, begun at %i', async (firstSequence) => {
    await ensure({}, firstSequence);
    await connection.request('sessions.issued.1', '{}');
    const { messages, first_seq, last_seq } = (await streamInfo(manager))!.state;
    await nats.stop();
    await nats.start();
    await until(
      () => connection.flush().catch(() => 'away'),
      (answer) => answer !== 'away',
    );
    expect((await streamInfo(manager))!.state).toMatchObject({ messages, first_seq, last_seq });
  });

  it('comes back when it was deleted', async () => {
    await ensure();
    await connection.request('sessions.issued.1', '{}');
    await manager.streams.delete(STREAM);
    expect(await streamInfo(manager)).toBeNull();
    expect((await ensure()).state.messages).toBe(0);
  });
});

describe('a stream that exists', () => {
  it('stays as it is, with its messages', async () => {
    await ensure();
    await connection.request('sessions.issued.1', '{}');
    const { state, created } = await ensureStream(connection, manager, settings, mustNotAsk);
    expect(state).toMatchObject({ messages: 1, last_seq: 1 });
    expect(created).toBe((await streamInfo(manager))!.created);
  });

  it('is brought to new settings, with its messages', async () => {
    await ensure();
    await connection.request('sessions.issued.1', '{}');
    const changed = { ...settings, maxAgeMs: 120 * DAY_MS, maxBytes: 1_000_000 };
    const { config, state } = await ensureStream(connection, manager, changed, mustNotAsk);
    expect(config).toMatchObject({ max_age: nanos(120 * DAY_MS), max_bytes: 1_000_000, deny_delete: true });
    expect(state.messages).toBe(1);
  });

  it('lets nobody delete a message', async () => {
    await ensure();
    await connection.request('sessions.issued.1', '{}');
    await expect(manager.streams.deleteMessage(STREAM, 1)).rejects.toThrow();
    expect((await streamInfo(manager))!.state.messages).toBe(1);
  });

  it('refuses what is new when it is full, and keeps what is old', async () => {
    await ensure({ maxBytes: 2_000 });
    const publish = () =>
      connection
        .request('sessions.issued.1', 'x'.repeat(500))
        .then((answer) => answer.json<{ seq?: number; error?: { description: string } }>());
    const answers = [await publish(), await publish(), await publish(), await publish()];
    expect(answers.at(0)).toMatchObject({ seq: 1 });
    expect(answers.at(-1)).toMatchObject({
      error: { description: expect.stringContaining('maximum bytes') },
    });
    expect((await streamInfo(manager))!.state.first_seq).toBe(1);
  });
});
