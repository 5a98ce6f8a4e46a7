import type { Pool } from 'pg';

/** By session, when it was seen in use. Never goes back in time, and knows only sessions that nobody has ended. */
export async function writeActivity(pool: Pool, seen: ReadonlyMap<string, string>): Promise<void> {
  if (seen.size === 0) return;
  await pool.query({
    name: 'projector-write-activity',
    text: `
      INSERT INTO read_model.activity (session_id, last_seen_at)
      SELECT session_id, last_seen_at FROM unnest($1::text[], $2::timestamptz[]) AS seen (session_id, last_seen_at)
      WHERE EXISTS (SELECT FROM read_model.session WHERE session.session_id = seen.session_id)
      ON CONFLICT (session_id)
        DO UPDATE SET last_seen_at = greatest(activity.last_seen_at, excluded.last_seen_at)`,
    values: [[...seen.keys()], [...seen.values()]],
  });
}
