import { isSessionId } from '#domain/identifier.js';
import { accountIdOf } from '#event-log/account-stream.js';
import type { Pool } from 'pg';

/**
 * The account that a session was issued for, whether it lives or has ended; undefined for what was never issued. From
 * the log, whose text of the event begins with `{"sessionId":"session_…"`: the index goes by that place.
 */
export async function accountOfSession(pool: Pool, sessionId: string): Promise<string | undefined> {
  if (!isSessionId(sessionId)) return undefined;
  const { rows } = await pool.query<{ streamId: string }>({
    name: 'account-of-session',
    text: `SELECT stream_id AS "streamId" FROM event_log.event
      WHERE type = 'SessionIssued' AND substr(data, 15, 30) = $1`,
    values: [sessionId],
  });
  return accountIdOf(rows[0]?.streamId ?? '') ?? undefined;
}
