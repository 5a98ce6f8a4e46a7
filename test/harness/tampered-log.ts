import { randomUUID } from 'node:crypto';
import { createClient, createPool } from '#event-log/connection.js';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { EVENT_COLUMNS, type RecordedEvent } from '#event-log/event.js';
import { GENESIS_HASH, hashEvent } from '#event-log/hash-chain.js';
import { HEAD_COLUMNS, type Head } from '#event-log/head.js';
import { LogWriter } from '#event-log/writer.js';
import type { Client, Pool } from 'pg';
import { append, newEvent } from './appends.js';
import { createDatabase, type TestDatabase } from './database.js';
import type { CheckpointSigner } from './checkpoint-signer.js';

const TABLES = ['head', 'stream', 'event', 'checkpoint', 'checkpoint_key'];

/** A log with events of every type, and somebody who owns the database and goes around every guard. */
export class TamperedLog {
  private constructor(
    private readonly database: TestDatabase,
    readonly owner: Client,
    readonly app: Pool,
  ) {}

  static async create(): Promise<TamperedLog> {
    const database = await createDatabase();
    const owner = createClient(database.ownerUrl);
    await owner.connect();
    await owner.query('SET session_replication_role = replica');
    return new TamperedLog(database, owner, createPool(database.appUrl));
  }

  async close(): Promise<void> {
    await Promise.all([this.owner.end(), this.app.end()]);
    await this.database.drop();
  }

  /** `rounds` times an event of each type in each of three streams, every other one with something sealed. */
  async write(rounds: number): Promise<void> {
    const writer = new LogWriter(this.database.appUrl);
    for (let round = 0; round < rounds; round++) {
      for (const stream of ['account-ada', 'account-bob', 'key-1']) {
        const events = Object.entries(EVENT_TYPES).map(([type, { schema }], i) =>
          newEvent({
            type,
            schema,
            data: JSON.stringify({ round, i, text: 'ü€🦊' }),
            sealed: i % 2 === 0 ? Buffer.from(`sealed ${randomUUID()}`) : null,
          }),
        );
        await writer.append(append(stream, null, ...events));
      }
    }
    await writer.close();
  }

  /** Keeps the log as it is now, for `restore`. */
  async keep(): Promise<void> {
    await this.owner.query(`CREATE SCHEMA older;
      ${TABLES.map((table) => `CREATE TABLE older.${table} AS TABLE event_log.${table};`).join('')}`);
  }

  async restore(): Promise<void> {
    await this.owner.query(
      TABLES.map(
        (table) =>
          `DELETE FROM event_log.${table}; INSERT INTO event_log.${table} SELECT * FROM older.${table};`,
      ).join(''),
    );
  }

  async head(): Promise<Head> {
    return (await this.owner.query<Head>(`SELECT ${HEAD_COLUMNS} FROM event_log.head`)).rows[0]!;
  }

  async events(): Promise<RecordedEvent[]> {
    const { rows } = await this.owner.query<RecordedEvent>(
      `SELECT ${EVENT_COLUMNS} FROM event_log.event ORDER BY position`,
    );
    return rows;
  }

  /** What the log is now, signed; and put into the database as its newest checkpoint, if `store`. */
  async checkpoint(signer: CheckpointSigner, store = true): Promise<string> {
    const { logId, epoch, position, hash } = await this.head();
    const note = signer.sign({ logId, epoch, position, hash, madeAt: Date.now() });
    if (store) {
      await this.owner.query(
        `INSERT INTO event_log.checkpoint (number, epoch, position, note, made_at)
         SELECT coalesce(max(number), 0) + 1, $1, $2, $3, now() FROM event_log.checkpoint`,
        [epoch, position, note],
      );
    }
    return note;
  }

  async storeKey({ verifier }: CheckpointSigner): Promise<void> {
    await this.owner.query(
      `INSERT INTO event_log.checkpoint_key (key_id, public_key, wrapped_key, master_key_id) VALUES ($1, $2, NULL, '')`,
      [randomUUID(), verifier.publicKey],
    );
  }

  /** Makes the log whole again from a position on: hashes, head and streams, as its writer would have written them. */
  async rewriteFrom(position: number): Promise<void> {
    const { logId } = await this.head();
    let hash: Buffer = GENESIS_HASH;
    for (const event of await this.events()) {
      if (event.position < position) {
        hash = event.hash;
        continue;
      }
      hash = hashEvent(logId, hash, event);
      await this.owner.query('UPDATE event_log.event SET hash = $2 WHERE position = $1', [
        event.position,
        hash,
      ]);
    }
    await this.owner.query(`
      UPDATE event_log.head SET (position, hash) = (SELECT position, hash FROM event_log.event ORDER BY position DESC LIMIT 1),
        revocations = (SELECT coalesce(max(revocation), 0) FROM event_log.event);
      DELETE FROM event_log.stream;
      INSERT INTO event_log.stream (stream_id, version, position)
      SELECT stream_id, max(version), max(position) FROM event_log.event GROUP BY stream_id`);
  }
}
