import { accountStreamId } from '#event-log/account-stream.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { merged } from '#event-log/merged.js';
import type { Pool } from 'pg';
import type { PageRequest, SessionPage, SessionView } from './session-view.js';

/** A page of many sessions is not to keep too many others waiting. */
const LISTS_AT_ONCE = 16;

/**
 * One statement, so that each account's position in the log, the checkpoint and the rows are of one moment. `complete` is
 * true when the projector had applied everything that was recorded for the account: of this log, and not of one that was
 * put back to an older copy since.
 */
const LISTS = `
  WITH reached AS MATERIALIZED (
    SELECT coalesce((SELECT checkpoint.position FROM read_model.checkpoint
      JOIN event_log.head USING (log_id, epoch)
      JOIN event_log.event ON event.position = checkpoint.position AND event.hash = checkpoint.hash
      WHERE projection = $5), 0) AS position
  )
  SELECT listed.*, coalesce(stream.position, 0) AS position, coalesce(stream.position, 0) <= reached.position AS complete
  FROM reached CROSS JOIN unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::int[]), (SELECT $4::bigint[]))
    WITH ORDINALITY AS asked (account_id, stream_id, length, beginning, place)
  LEFT JOIN event_log.stream USING (stream_id)
  CROSS JOIN LATERAL (
    WITH live AS (
      SELECT * FROM read_model.session WHERE account_id = asked.account_id AND expires_at > now()
    ), page AS (
      SELECT session_id, issued_at AT TIME ZONE 'UTC' AS issued_at, expires_at AT TIME ZONE 'UTC' AS expires_at,
        coalesce(last_seen_at, issued_at) AT TIME ZONE 'UTC' AS last_seen_at,
        ip_address, user_agent, fingerprint, browser, os, device
      FROM live LEFT JOIN read_model.activity USING (session_id)
      ORDER BY issued_position DESC LIMIT asked.length OFFSET asked.beginning
    )
    SELECT (SELECT count(*) FROM live) AS total, (SELECT json_agg(page) FROM page) AS rows
  ) AS listed
  ORDER BY place`;

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

interface Asked {
  readonly accountId: string;
  readonly page: PageRequest;
}

/** `position`: of the account's newest event, in the log. */
type Found = SessionPage & { readonly position: number };

/** The page, or null when the read model has not yet caught up with the account. */
export const sessionsFromReadModel = (pool: Pool) =>
  merged<Asked, Found | null>(async (asked) => {
    const { rows } = await pool.query<{
      total: number;
      rows: Row[] | null;
      position: number;
      complete: boolean;
    }>({
      name: 'list-active-sessions',
      text: LISTS,
      values: [
        asked.map(({ accountId }) => accountId),
        asked.map(({ accountId }) => accountStreamId(accountId)),
        asked.map(({ page }) => page.limit),
        asked.map(({ page }) => (page.page - 1) * page.limit),
        SESSIONS_PROJECTION,
      ],
    });
    return rows.map(({ total, rows: found, position, complete }) =>
      complete ? { total, sessions: (found ?? []).map(toView), position } : null,
    );
  }, LISTS_AT_ONCE);

const toView = (row: Row): SessionView => ({
  sessionId: row.session_id,
  issuedAt: toInstant(row.issued_at),
  expiresAt: toInstant(row.expires_at),
  lastSeenAt: toInstant(row.last_seen_at),
  ipAddress: row.ip_address,
  userAgent: row.user_agent,
  fingerprint: row.fingerprint,
  browser: row.browser,
  os: row.os,
  device: row.device,
});

/** As PostgreSQL writes it in JSON, without the zeros at its end. To parse it as a date takes seven times as long. */
const toInstant = (text: string) => `${text.slice(0, 19)}.${text.slice(20, 23).padEnd(3, '0')}Z`;
