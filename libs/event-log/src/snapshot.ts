import type { Pool } from 'pg';

export async function readSnapshot(
  pool: Pool,
  streamId: string,
): Promise<{ snapshot: Buffer; version: number } | undefined> {
  const { rows } = await pool.query<{ snapshot: Buffer; version: number }>({
    name: 'log-snapshot',
    text: `SELECT snapshot, snapshot_version AS version FROM event_log.stream
      WHERE stream_id = $1 AND snapshot IS NOT NULL`,
    values: [streamId],
  });
  return rows[0];
}

/** Never puts an older snapshot in the place of a newer one. */
export async function saveSnapshot(
  pool: Pool,
  streamId: string,
  version: number,
  snapshot: Buffer,
): Promise<void> {
  await pool.query({
    name: 'log-save-snapshot',
    text: `UPDATE event_log.stream SET snapshot = $3, snapshot_version = $2
      WHERE stream_id = $1 AND coalesce(snapshot_version, 0) < $2`,
    values: [streamId, version, snapshot],
  });
}
