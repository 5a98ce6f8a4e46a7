import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBus } from '#bus/connect.js';
import { logHeader, toMessage } from '#bus/envelope.js';
import { STREAM } from '#bus/subjects.js';
import { createPool } from '#event-log/connection.js';
import { readForward, readHead } from '#event-log/read.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from './harness/appends.js';
import { copyDatabase, createDatabase, type TestDatabase } from './harness/database.js';
import { startNats, type TestNats } from './harness/nats.js';
import { RunningRelay } from './harness/running-relay.js';
import { headersOf, readStreamUpTo } from './harness/stream-reader.js';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let nats: TestNats;
let relays: RunningRelay[];

beforeEach(async () => {
  relays = [];
  [database, nats] = await Promise.all([createDatabase(), startNats()]);
  openLog();
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await closeLog();
  await Promise.all([database.drop(), nats.remove()]);
});

function openLog() {
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl, { committed: () => relays.forEach((relay) => relay.wake()) });
}

async function closeLog() {
  await writer.close();
  await pool.end();
}

async function startRelay(): Promise<RunningRelay> {
  const relay = await RunningRelay.start(pool, nats.url);
  relays.push(relay);
  return relay;
}

const record = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) => {
      const type = i % 3 === 0 ? 'SessionRevoked' : 'SessionIssued';
      return writer.append(append(`account-${i % 5}`, null, newEvent({ type, data: `{ "n": ${i}.0 }` })));
    }),
  );

const onStream = async <T>(use: (connection: NatsConnection) => Promise<T>): Promise<T> => {
  const connection = await connectBus(nats.url, 'test');
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
};

const streamState = () =>
  onStream(async (connection) => (await (await jetstreamManager(connection)).streams.info(STREAM)).state);

/** Message n is event n, and there is nothing else. Waits until the stream has come as far as the log. */
async function expectMirror(): Promise<void> {
  const head = await readHead(pool);
  const events = await readForward(pool, 0, 1_000_000);
  const messages = await readStreamUpTo(nats.url, head.position);
  expect(messages).toEqual(
    events.map((event) => {
      const { position, subject, body, headers } = toMessage(event, head, 'signoff');
      return { seq: position, subject, body, headers: headersOf(headers) };
    }),
  );
  expect(messages.at(-1)?.headers).toMatchObject({
    'Signoff-Log': logHeader(head),
    'Signoff-Hash': head.hash.toString('hex'),
  });
  expect(await streamState()).toMatchObject({ messages: head.position, last_seq: head.position });
}

describe('the relay', () => {
  it('carries what was recorded before it came, and what is recorded later', async () => {
    await record(1_200);
    await startRelay();
    await expectMirror();
    await record(300);
    await expectMirror();
    await record(1);
    await expectMirror();
  });

  it('goes on where the one before it stopped', async () => {
    const first = await startRelay();
    await record(200);
    await expectMirror();
    await first.stop();
    await record(200);
    await startRelay();
    await expectMirror();
  });

  it('does not mind that others relay as well', async () => {
    await Promise.all([startRelay(), startRelay(), startRelay()]);
    for (let round = 0; round < 20; round++) await record(100);
    await expectMirror();
  });
});

describe('a nats-server that goes away', () => {
  it('delays what is recorded meanwhile, and nothing more', async () => {
    await startRelay();
    await record(10);
    await expectMirror();
    const recording = record(3_000);
    await nats.stop();
    await recording;
    await record(100);
    await nats.start();
    await expectMirror();
  });

  it('and comes back an hour older is brought up to date under the same numbers', async () => {
    await record(100);
    const relay = await startRelay();
    await expectMirror();
    const copy = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'copy-'));
    await nats.stop();
    await cp(nats.storeDir, copy, { recursive: true });
    await nats.start();
    await record(150);
    await expectMirror();

    await nats.stop();
    await rm(join(nats.storeDir, 'jetstream'), { recursive: true });
    await cp(join(copy, 'jetstream'), join(nats.storeDir, 'jetstream'), { recursive: true });
    await nats.start();
    expect(await streamState()).toMatchObject({ last_seq: 100 });
    await record(50);
    await expectMirror();
    expect(relay.said).not.toContain('relay.refused');
  });

  it('and comes back empty is filled again under the same numbers', async () => {
    await startRelay();
    await record(700);
    await expectMirror();
    await nats.stop();
    await rm(join(nats.storeDir, 'jetstream'), { recursive: true });
    await nats.start();
    await record(1);
    await expectMirror();
  });
});

describe('a stream that was deleted', () => {
  it('is created and filled again under the same numbers', async () => {
    await startRelay();
    await record(700);
    await expectMirror();
    await onStream(async (connection) => {
      await (await jetstreamManager(connection)).streams.delete(STREAM);
    });
    await record(1);
    await expectMirror();
  });
});

describe('a stream that is created when part of the log has aged out', () => {
  const age = async (upTo: number) => {
    const owner = createPool(database.ownerUrl);
    await owner.query(`
      ALTER TABLE event_log.event DISABLE TRIGGER event_is_append_only;
      UPDATE event_log.event SET recorded_at = recorded_at - interval '101 days' WHERE position <= ${upTo};
      ALTER TABLE event_log.event ENABLE TRIGGER event_is_append_only`);
    await owner.end();
  };
  /** nats-server 2.9 can only begin at 1. */
  const begins = (position: number) =>
    onStream(({ info }) => Promise.resolve(info!.version.startsWith('2.9.') ? 1 : position));

  it.each([20, 30])(
    'of %i events out of 30 begins behind them, under the numbers of the log',
    async (aged) => {
      await record(30);
      await age(aged);
      await startRelay();
      await record(10);
      const messages = await readStreamUpTo(nats.url, 40);
      const events = await readForward(pool, 0, 100);
      const first = await begins(aged + 1);
      expect(messages.map(({ seq, headers }) => [seq, headers['ce-id']])).toEqual(
        events.slice(first - 1).map(({ position, eventId }) => [position, eventId]),
      );
      expect(messages[0]!.seq).toBe(first);
    },
  );
});

describe('a log that was put back to an older copy', () => {
  let relay: RunningRelay;

  beforeEach(async () => {
    await record(30);
    await closeLog();
    const older = await copyDatabase(database.ownerUrl);
    openLog();
    relay = await startRelay();
    await record(20);
    await expectMirror();
    await relay.stop();
    await closeLog();
    await database.drop();
    database = older;
    openLog();
  });

  it('is refused, with both positions named, and nothing is published', async () => {
    relay = await startRelay();
    const { reason, err } = await relay.hears('relay.refused');
    expect(reason).toBe('STREAM_AHEAD_OF_LOG');
    expect(err.message).toBe('the stream is at 50, the log at 30');
    expect(relay.status).toEqual({ state: 'refused', reason: 'STREAM_AHEAD_OF_LOG' });
    await record(1);
    expect(await streamState()).toMatchObject({ messages: 50, last_seq: 50 });
  });

  it('is refused as well when it has grown past the stream with other events', async () => {
    await record(40);
    const { hash } = (await readForward(pool, 49, 1))[0]!;
    relay = await startRelay();
    const { reason, err } = await relay.hears('relay.refused');
    expect(reason).toBe('STREAM_DIFFERS_FROM_LOG');
    expect(err.message).toMatch(/^at 50 the bus has .*, the log at 70 has /);
    expect(err.message).toContain(hash.toString('hex'));
    expect(await streamState()).toMatchObject({ messages: 50, last_seq: 50 });
  });
});

describe('a stream of another log', () => {
  it('is refused, and nothing is published', async () => {
    const relay = await startRelay();
    await record(10);
    await expectMirror();
    await relay.stop();
    await closeLog();
    await database.drop();
    database = await createDatabase();
    openLog();
    await record(20);
    const other = await startRelay();
    expect((await other.hears('relay.refused')).reason).toBe('STREAM_DIFFERS_FROM_LOG');
    expect(await streamState()).toMatchObject({ messages: 10, last_seq: 10 });
  });
});
