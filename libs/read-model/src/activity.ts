import type { Instant } from '#domain/instant.js';
import type { Pool } from 'pg';

/** When sessions were last seen in use; those that never were are missing. */
export async function readActivity(pool: Pool, sessionIds: readonly string[]): Promise<Map<string, Instant>> {
  const { rows } = await pool.query<{ sessionId: string; lastSeenAt: Date }>({
    name: 'activity',
    text: `SELECT session_id AS "sessionId", last_seen_at AS "lastSeenAt" FROM read_model.activity
      WHERE session_id = ANY($1)`,
    values: [sessionIds],
  });
  return new Map(rows.map(({ sessionId, lastSeenAt }) => [sessionId, lastSeenAt.toISOString()]));
}
