import { deepEqual } from 'node:assert/strict';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectBus } from '#bus/connect.js';
import { logHeader, toMessage } from '#bus/envelope.js';
import { STREAM } from '#bus/subjects.js';
import { createPool } from '#event-log/connection.js';
import { readForward, readHead } from '#event-log/read.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from './appends.js';
import { copyDatabase, createDatabase, type TestDatabase } from './database.js';
import { startNats, type TestNats } from './nats.js';
import { RunningRelay } from './running-relay.js';
import { headersOf, readStreamUpTo } from './stream-reader.js';

/** A log, the relays that a test starts, and the stream that has to be the log's mirror. */
export class MirroredLog {
  pool!: Pool;
  private writer!: LogWriter;
  private readonly relays: RunningRelay[] = [];

  private constructor(
    private current: TestDatabase,
    readonly nats: TestNats,
  ) {
    this.open();
  }

  static async create(): Promise<MirroredLog> {
    const [database, nats] = await Promise.all([createDatabase(), startNats()]);
    return new MirroredLog(database, nats);
  }

  async remove(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.stop()));
    await this.close();
    await Promise.all([this.current.drop(), this.nats.remove()]);
  }

  get database(): TestDatabase {
    return this.current;
  }

  async startRelay(): Promise<RunningRelay> {
    const relay = await RunningRelay.start(this.pool, this.nats.url);
    this.relays.push(relay);
    return relay;
  }

  record(count: number, padding = '') {
    return Promise.all(
      Array.from({ length: count }, (_, i) => {
        const type = i % 3 === 0 ? 'SessionRevoked' : 'SessionIssued';
        const event = newEvent({ type, data: `{ "n": ${i}.0${padding} }` });
        return this.writer.append(append(`account-${i % 5}`, null, event));
      }),
    );
  }

  /** As it is now. No relay may be running. */
  async copy(): Promise<TestDatabase> {
    await this.close();
    const copy = await copyDatabase(this.current.ownerUrl);
    this.open();
    return copy;
  }

  /** Forgets everything behind `position`, in the place and under the eyes of whoever is connected. */
  async putBackTo(position: number): Promise<void> {
    await this.asOwner(`
      SET session_replication_role = replica;
      BEGIN;
      SELECT FROM event_log.head FOR UPDATE;
      DELETE FROM event_log.event WHERE position > ${position};
      DELETE FROM event_log.stream;
      INSERT INTO event_log.stream (stream_id, version, position)
        SELECT stream_id, max(version), max(position) FROM event_log.event GROUP BY 1;
      UPDATE event_log.head SET position = e.position, hash = e.hash,
        revocations = (SELECT count(revocation) FROM event_log.event)
        FROM event_log.event e WHERE e.position = ${position};
      COMMIT`);
  }

  /** Puts another log in the place of this one. No relay may be running. */
  async replaceBy(database: TestDatabase): Promise<void> {
    await this.close();
    await this.current.drop();
    this.current = database;
    this.open();
  }

  async asOwner(statement: string): Promise<void> {
    const owner = createPool(this.database.ownerUrl);
    await owner.query(statement);
    await owner.end();
  }

  async onBus<T>(use: (connection: NatsConnection) => Promise<T>): Promise<T> {
    const connection = await connectBus(this.nats.url, 'test');
    try {
      return await use(connection);
    } finally {
      await connection.close();
    }
  }

  onStream<T>(use: (streams: JetStreamManager['streams']) => Promise<T>): Promise<T> {
    return this.onBus(async (connection) => use((await jetstreamManager(connection)).streams));
  }

  async streamState() {
    return (await this.onStream((streams) => streams.info(STREAM))).state;
  }

  /** Message n is event n, and there is nothing else. Waits until the stream has come as far as the log. */
  async expectMirror(): Promise<void> {
    const head = await readHead(this.pool);
    const events = await readForward(this.pool, 0, 1_000_000);
    const messages = await readStreamUpTo(this.nats.url, head.position);
    deepEqual(
      messages,
      events.map((event) => {
        const { position, subject, body, headers } = toMessage(event, head, 'signoff');
        return { seq: position, subject, body, headers: headersOf(headers) };
      }),
    );
    const last = messages.at(-1)?.headers;
    deepEqual([last?.['Signoff-Log'], last?.['Signoff-Hash']], [logHeader(head), head.hash.toString('hex')]);
    const state = await this.streamState();
    deepEqual([state.messages, state.last_seq], [head.position, head.position]);
  }

  private open(): void {
    this.pool = createPool(this.current.appUrl);
    this.writer = new LogWriter(this.current.appUrl, {
      committed: (group) => this.relays.forEach((relay) => relay.committed(group)),
    });
  }

  private async close(): Promise<void> {
    await this.writer.close();
    await this.pool.end();
  }
}
