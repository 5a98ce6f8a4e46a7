import { isSessionId } from '#domain/identifier.js';
import { accountIdOf } from '#event-log/account-stream.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';

/**
 * The account that a session was issued for; undefined for what was never issued or has ended. The read model knows, and
 * for what it does not have yet the log behind its checkpoint is searched.
 */
export async function accountOfSession(pool: Pool, sessionId: string): Promise<string | undefined> {
  if (!isSessionId(sessionId)) return undefined;
  const { rows } = await pool.query<{ accountId: string | null; streamId: string | null }>({
    name: 'account-of-session',
    text: `
      SELECT account_id AS "accountId", NULL AS "streamId" FROM read_model.session WHERE session_id = $1
      UNION ALL
      SELECT NULL, stream_id FROM event_log.event
      WHERE type = 'SessionIssued' AND data::json ->> 'sessionId' = $1 AND position > coalesce((
        SELECT checkpoint.position FROM read_model.checkpoint JOIN event_log.head USING (log_id, epoch)
        WHERE projection = $2), 0)
      LIMIT 1`,
    values: [sessionId, SESSIONS_PROJECTION],
  });
  const [found] = rows;
  return found?.accountId ?? accountIdOf(found?.streamId ?? '') ?? undefined;
}
