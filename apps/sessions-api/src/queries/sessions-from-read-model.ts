import { accountStreamId } from '#event-log/account-stream.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import type { PageRequest, SessionPage, SessionView } from './session-view.js';

/**
 * One statement, so that the account's position in the log, the checkpoint and the rows are of one moment. `complete` is
 * true when the projector had applied everything that was recorded for the account: of this log, and not of one that was
 * put back to an older copy since.
 */
const LIST = `
  WITH live AS (
    SELECT * FROM read_model.session WHERE account_id = $1 AND expires_at > now()
  ), page AS (
    SELECT session_id, issued_at, expires_at, coalesce(last_seen_at, issued_at) AS last_seen_at,
      ip_address, user_agent, fingerprint, browser, os, device
    FROM live LEFT JOIN read_model.activity USING (session_id) ORDER BY issued_position DESC LIMIT $4 OFFSET $5
  )
  SELECT (SELECT count(*) FROM live) AS total,
    (SELECT json_agg(page) FROM page) AS rows,
    coalesce((SELECT position FROM event_log.stream WHERE stream_id = $2), 0) <= coalesce((
      SELECT checkpoint.position FROM read_model.checkpoint
      JOIN event_log.head USING (log_id, epoch)
      JOIN event_log.event ON event.position = checkpoint.position AND event.hash = checkpoint.hash
      WHERE projection = $3), 0) AS complete`;

interface Row {
  readonly session_id: string;
  readonly issued_at: string;
  readonly expires_at: string;
  readonly last_seen_at: string;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly fingerprint: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
}

/** The page, or null when the read model has not yet caught up with the account. */
export async function sessionsFromReadModel(
  pool: Pool,
  accountId: string,
  { page, limit }: PageRequest,
): Promise<SessionPage | null> {
  const { rows } = await pool.query<{ total: number; rows: Row[] | null; complete: boolean }>({
    name: 'list-active-sessions',
    text: LIST,
    values: [accountId, accountStreamId(accountId), SESSIONS_PROJECTION, limit, (page - 1) * limit],
  });
  const { total, rows: found, complete } = rows[0]!;
  return complete ? { total, sessions: (found ?? []).map(toView) } : null;
}

const toView = (row: Row): SessionView => ({
  sessionId: row.session_id,
  issuedAt: new Date(row.issued_at).toISOString(),
  expiresAt: new Date(row.expires_at).toISOString(),
  lastSeenAt: new Date(row.last_seen_at).toISOString(),
  ipAddress: row.ip_address,
  userAgent: row.user_agent,
  fingerprint: row.fingerprint,
  browser: row.browser,
  os: row.os,
  device: row.device,
});
