import type { Pool } from 'pg';

export interface Snapshot {
  readonly snapshot: Buffer;
  readonly version: number;
  /** Of the stream's event at that version. */
  readonly eventId: string;
}

export interface SavedSnapshot extends Snapshot {
  /** Where that event stands in the log. */
  readonly position: number;
}

export async function readSnapshot(pool: Pool, streamId: string): Promise<SavedSnapshot | undefined> {
  const { rows } = await pool.query<SavedSnapshot>({
    name: 'log-snapshot',
    text: `SELECT snapshot, snapshot_version AS version, event_id AS "eventId", event.position FROM event_log.stream
      JOIN event_log.event ON event.stream_id = stream.stream_id AND event.version = snapshot_version
      WHERE stream.stream_id = $1 AND snapshot IS NOT NULL`,
    values: [streamId],
  });
  return rows[0];
}

/** Never puts an older snapshot in the place of a newer one, or one of events that the log does not have (any more). */
export async function saveSnapshot(
  pool: Pool,
  streamId: string,
  { version, eventId, snapshot }: Snapshot,
): Promise<void> {
  await pool.query({
    name: 'log-save-snapshot',
    text: `UPDATE event_log.stream SET snapshot = $3, snapshot_version = $2
      WHERE stream_id = $1 AND coalesce(snapshot_version, 0) < $2
        AND EXISTS (SELECT FROM event_log.event WHERE stream_id = $1 AND version = $2 AND event_id = $4)`,
    values: [streamId, version, snapshot, eventId],
  });
}
