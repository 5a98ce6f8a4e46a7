import type { Instant } from '#domain/instant.js';
import { merged } from '#event-log/merged.js';
import type { Pool } from 'pg';

/** Some heartbeats of the projector's may be late. */
const FRESH_SECONDS = 30;
export const LEFT_OUT_FOR_SECONDS = 10;

interface Seen {
  readonly sessionId: string;
  readonly lastSeenAt: Date;
}

/** By session, when it was last seen in use; those that never were are missing, and others may be there. */
export type LastSeen = Map<string, Instant>;

export const activityOf = (pool: Pool) =>
  merged<readonly string[], LastSeen>(async (asked) => {
    const { rows } = await pool.query<Seen>({
      name: 'activity',
      text: `SELECT session_id AS "sessionId", last_seen_at AS "lastSeenAt" FROM read_model.activity
        WHERE session_id = ANY((SELECT $1::text[])::text[])`,
      values: [asked.flat()],
    });
    const seen = lastSeenIn(rows);
    return asked.map(() => seen);
  });

export interface HeardActivity {
  /** `lastSeen` lacks no use between these two. */
  readonly since: Instant;
  readonly at: Instant;
  readonly lastSeen: LastSeen;
}

/** As `activityOf`, with what can be concluded from a session's absence; null while nobody hears of uses. */
export async function readHeardActivity(
  pool: Pool,
  sessionIds: readonly string[],
): Promise<HeardActivity | null> {
  const { rows } = await pool.query<Seen & { since: Date; at: Date }>({
    name: 'activity-heard',
    text: `SELECT since, at, session_id AS "sessionId", last_seen_at AS "lastSeenAt"
      FROM read_model.activity_heard LEFT JOIN read_model.activity ON session_id = ANY($1)
      WHERE at > clock_timestamp() - $2 * interval '1 second'`,
    values: [sessionIds, FRESH_SECONDS],
  });
  const [heard] = rows;
  if (!heard) return null;
  return {
    since: heard.since.toISOString(),
    at: heard.at.toISOString(),
    lastSeen: lastSeenIn(rows.filter(({ sessionId }) => sessionId !== null)),
  };
}

/** Uses may be lost from now on, and for the next ten seconds. */
export async function leaveOutActivity(pool: Pool): Promise<void> {
  await pool.query({
    name: 'activity-left-out',
    text: `UPDATE read_model.activity_heard SET since = clock_timestamp() + $1 * interval '1 second'`,
    values: [LEFT_OUT_FOR_SECONDS],
  });
}

const lastSeenIn = (rows: readonly Seen[]): LastSeen =>
  new Map(rows.map(({ sessionId, lastSeenAt }) => [sessionId, lastSeenAt.toISOString()]));
