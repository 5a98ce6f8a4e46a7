import { expect } from '@jest/globals';
import type { Pool } from 'pg';
import { underCheckpointLock } from '../../../apps/sessions-api/src/checkpoints/make-checkpoint.js';

export interface RecordedEvent {
  readonly position: number;
  readonly streamId: string;
  readonly version: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly revocation: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly recordedAt: Date;
}

/** The log as it stands in PostgreSQL, in order. */
export async function recordedEvents(owner: Pool, streamId?: string): Promise<RecordedEvent[]> {
  const { rows } = await owner.query<
    Omit<RecordedEvent, 'data' | 'metadata'> & { data: string; metadata: string }
  >(
    `SELECT position, stream_id AS "streamId", version, type, data, revocation, metadata,
       recorded_at AS "recordedAt" FROM event_log.event
     WHERE $1::text IS NULL OR stream_id = $1 ORDER BY position`,
    [streamId],
  );
  return rows.map((row) => ({
    ...row,
    data: JSON.parse(row.data) as RecordedEvent['data'],
    metadata: JSON.parse(row.metadata) as RecordedEvent['metadata'],
  }));
}

export async function logPosition(owner: Pool): Promise<number> {
  const { rows } = await owner.query<{ position: number }>('SELECT position FROM event_log.head');
  return rows[0]!.position;
}

/** Fails when anything is written while `work` is done. The checkpoint that comes with the minute has to wait. */
export const expectNothingRecorded = <Result>(owner: Pool, work: () => Promise<Result>): Promise<Result> =>
  underCheckpointLock(owner, async (holder) => {
    await holder.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const before = await everythingRecorded(owner);
    const result = await work();
    expect(await everythingRecorded(owner)).toEqual(before);
    return result;
  });

/** The log's head, and how many rows each table has: equal before and after means that nothing was written. */
export async function everythingRecorded(owner: Pool): Promise<unknown> {
  const tables = await allTables(owner);
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table}) AS "${table}"`);
  const { rows } = await owner.query(
    `SELECT position, revocations, encode(hash, 'hex') AS hash, ${counts.join(', ')} FROM event_log.head`,
  );
  return rows[0];
}

export async function allTables(owner: Pool): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
