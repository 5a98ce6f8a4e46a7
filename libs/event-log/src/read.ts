import type { Pool } from 'pg';
import type { CommandKey, RecordedOutcome } from './append.js';
import { EVENT_COLUMNS, PLAIN_COLUMNS, type PlainEvent, type RecordedEvent } from './event.js';
import { HEAD_COLUMNS, type Head } from './head.js';

const STREAM_BATCH = 2_000;

export async function readHead(pool: Pool): Promise<Head> {
  const { rows } = await pool.query<Head>({
    name: 'log-head',
    text: `SELECT ${HEAD_COLUMNS} FROM event_log.head`,
  });
  if (!rows[0]) throw new Error('the event log has no head: it was not migrated');
  return rows[0];
}

const forward =
  <Event extends PlainEvent>(name: string, columns: string) =>
  async (pool: Pool, position: number, limit: number): Promise<Event[]> => {
    const text = `SELECT ${columns} FROM event_log.event WHERE position > $1 ORDER BY position LIMIT $2`;
    return (await pool.query<Event>({ name, text, values: [position, limit] })).rows;
  };

/** Up to `limit` events behind `position`, in order and without a gap. */
export const readForward = forward<RecordedEvent>('log-forward', EVENT_COLUMNS);

/** The same, where what is sealed is not asked for. */
export const readPlainForward = forward<PlainEvent>('log-plain-forward', PLAIN_COLUMNS);

/** The events at these positions, in no order. */
export async function readAt(pool: Pool, positions: readonly number[]): Promise<RecordedEvent[]> {
  if (positions.length === 0) return [];
  const { rows } = await pool.query<RecordedEvent>({
    name: 'log-at',
    text: `SELECT ${EVENT_COLUMNS} FROM event_log.event WHERE position = ANY($1)`,
    values: [positions],
  });
  return rows;
}

/** Of the event at `position`; undefined where the log has none. */
export async function hashAt(pool: Pool, position: number): Promise<Buffer | undefined> {
  const { rows } = await pool.query<{ hash: Buffer }>({
    name: 'log-hash',
    text: 'SELECT hash FROM event_log.event WHERE position = $1',
    values: [position],
  });
  return rows[0]?.hash;
}

/** Of the events at `positions`, by position. */
export async function hashesAt(pool: Pool, positions: readonly number[]): Promise<Map<number, Buffer>> {
  const { rows } = await pool.query<{ position: number; hash: Buffer }>({
    name: 'log-hashes',
    text: 'SELECT position, hash FROM event_log.event WHERE position = ANY($1)',
    values: [positions],
  });
  return new Map(rows.map(({ position, hash }) => [position, hash]));
}

/** The events of one stream behind `version`, in order. */
export async function readStream(pool: Pool, streamId: string, version: number): Promise<RecordedEvent[]> {
  const { rows } = await pool.query<RecordedEvent>({
    name: 'log-stream',
    text: `SELECT ${EVENT_COLUMNS} FROM event_log.event WHERE stream_id = $1 AND version > $2 ORDER BY version`,
    values: [streamId, version],
  });
  return rows;
}

/** All events of one stream, batch by batch, however long it is. */
export async function* readWholeStream(pool: Pool, streamId: string): AsyncGenerator<RecordedEvent[]> {
  for (let version = 0; ;) {
    const { rows } = await pool.query<RecordedEvent>({
      name: 'log-stream-batch',
      text: `SELECT ${EVENT_COLUMNS} FROM event_log.event WHERE stream_id = $1 AND version > $2
        ORDER BY version LIMIT ${STREAM_BATCH}`,
      values: [streamId, version],
    });
    if (rows.length > 0) yield rows;
    if (rows.length < STREAM_BATCH) return;
    version = rows.at(-1)!.version;
  }
}

export async function readOutcome(pool: Pool, command: CommandKey): Promise<RecordedOutcome | undefined> {
  const { rows } = await pool.query<RecordedOutcome>({
    name: 'log-outcome',
    text: `SELECT request_hash AS "requestHash", outcome, position FROM event_log.command
      WHERE (principal, operation, key) = ($1, $2, $3)`,
    values: [command.principal, command.operation, command.key],
  });
  return rows[0];
}

/** The first position recorded after `time` (milliseconds since 1970), or the next one to come. Reads the log from its start. */
export async function firstPositionAfter(pool: Pool, time: number): Promise<number> {
  const { rows } = await pool.query<{ position: number }>(
    `SELECT coalesce(
       (SELECT position FROM event_log.event WHERE recorded_at > $1 ORDER BY position LIMIT 1),
       (SELECT position + 1 FROM event_log.head)) AS position`,
    [new Date(time).toISOString()],
  );
  return rows[0]!.position;
}
