import type { ClientBase } from 'pg';
import type { RecordedEvent } from '../event.js';
import type { FoundNote } from './checkpoints.js';

const BATCH = 5_000;

export interface StoredEvent extends RecordedEvent {
  /** Of a millisecond, in `recorded_at`: never written, and covered by no hash. */
  readonly hasFraction: boolean;
}

/** As `EVENT_COLUMNS`, but whatever somebody wrote into a column, it can be read. */
const EVENTS = `
  SELECT position, stream_id AS "streamId", version, event_id AS "eventId", type, schema, data, sealed, metadata,
    CASE WHEN isfinite(recorded_at) THEN floor(extract(epoch FROM recorded_at) * 1000)::bigint ELSE -1 END AS "recordedAt",
    recorded_at <> date_trunc('milliseconds', recorded_at) AS "hasFraction", revocation, hash
  FROM event_log.event ORDER BY position`;

const STREAMS = `SELECT stream_id AS "streamId", version, position FROM event_log.stream`;

const NOTES = `SELECT note, 'the database, number ' || number AS "from" FROM event_log.checkpoint ORDER BY position, number`;

/** All rows of a statement, in batches, in the client's transaction. The next batch is under way while one is looked at. */
async function* rowsOf<Row extends object>(
  client: ClientBase,
  name: string,
  statement: string,
): AsyncGenerator<Row[]> {
  await client.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${statement}`);
  const fetch = () => client.query<Row>(`FETCH FORWARD ${BATCH} FROM ${name}`);
  let next = fetch();
  // Whoever stops looking at it does not hear of what it came to.
  next.catch(() => undefined);
  for (;;) {
    const { rows } = await next;
    if (rows.length === 0) break;
    next = fetch();
    next.catch(() => undefined);
    yield rows;
  }
  await client.query(`CLOSE ${name}`);
}

export const storedEvents = (client: ClientBase) => rowsOf<StoredEvent>(client, 'events', EVENTS);

export const storedStreams = (client: ClientBase) =>
  rowsOf<{ streamId: string; version: number; position: number }>(client, 'streams', STREAMS);

export async function* storedNotes(client: ClientBase): AsyncGenerator<FoundNote> {
  for await (const rows of rowsOf<FoundNote>(client, 'notes', NOTES)) yield* rows;
}
