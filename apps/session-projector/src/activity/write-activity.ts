import type { Pool } from 'pg';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';

/** How old an event may be that the read model lacks: within this, a session's use is as good as its issue. */
const BEHIND_SECONDS = 10;

/**
 * By session, when it was seen in use. Never goes back in time, and knows only sessions that nobody has ended. Answers
 * whether it may have left out others because the read model does not know them yet.
 */
export async function writeActivity(pool: Pool, seen: ReadonlyMap<string, string>): Promise<boolean> {
  if (seen.size === 0) return false;
  const { rows } = await pool.query<{ behind: boolean }>({
    name: 'projector-write-activity',
    text: `
      WITH written AS (
        INSERT INTO read_model.activity (session_id, last_seen_at)
        SELECT session_id, last_seen_at FROM unnest($1::text[], $2::timestamptz[]) AS seen (session_id, last_seen_at)
        WHERE EXISTS (SELECT FROM read_model.session WHERE session.session_id = seen.session_id)
        ON CONFLICT (session_id)
          DO UPDATE SET last_seen_at = greatest(activity.last_seen_at, excluded.last_seen_at)
      )
      SELECT EXISTS (SELECT FROM event_log.event
        WHERE position = 1 + coalesce((SELECT position FROM read_model.checkpoint WHERE projection = $3), 0)
          AND recorded_at < clock_timestamp() - $4 * interval '1 second') AS behind`,
    values: [[...seen.keys()], [...seen.values()], SESSIONS_PROJECTION, BEHIND_SECONDS],
  });
  return rows[0]!.behind;
}
