import { accountStreamId } from '#event-log/account-stream.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { merged } from '#event-log/merged.js';
import { SEALED_UNDER } from '#event-log/sealing.js';
import type { Vault } from '#event-log/vault.js';
import type { Pool } from 'pg';
import { sessionView, type PageRequest, type SessionPage, type SessionView } from './session-view.js';

/** A page of many sessions is not to keep too many others waiting. */
const LISTS_AT_ONCE = 16;

/**
 * One statement, so that each account's position in the log, the checkpoint, the rows and the keys are of one moment.
 * `complete` is true when the projector had applied everything that was recorded for the account: of this log, and not of
 * one that was put back to an older copy since.
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
      SELECT * FROM live ORDER BY issued_position DESC LIMIT asked.length OFFSET asked.beginning
    ), shown AS (
      SELECT session_id, page.issued_at AT TIME ZONE 'UTC' AS issued_at, expires_at AT TIME ZONE 'UTC' AS expires_at,
        coalesce(last_seen_at, page.issued_at) AT TIME ZONE 'UTC' AS last_seen_at,
        event_id, type, encode(sealed, 'base64') AS sealed, key_id, encode(wrapped_key, 'base64') AS wrapped_key
      FROM page LEFT JOIN read_model.activity USING (session_id)
        LEFT JOIN event_log.event ON event.position = issued_position
        LEFT JOIN event_log.subject_key ON key_id = ${SEALED_UNDER}
      ORDER BY issued_position DESC
    )
    SELECT (SELECT count(*) FROM live) AS total, (SELECT json_agg(shown) FROM shown) AS rows
  ) AS listed
  ORDER BY place`;

interface Row {
  readonly session_id: string;
  readonly issued_at: string;
  readonly expires_at: string;
  readonly last_seen_at: string;
  readonly event_id: string;
  readonly type: string;
  /** Base64, as PostgreSQL writes it. */
  readonly sealed: string | null;
  readonly key_id: string | null;
  /** Null where it was destroyed. */
  readonly wrapped_key: string | null;
}

interface Asked {
  readonly accountId: string;
  readonly page: PageRequest;
}

interface Listed {
  readonly total: number;
  readonly rows: Row[] | null;
  /** Of the account's newest event, in the log. */
  readonly position: number;
  readonly complete: boolean;
}

type Found = SessionPage & Pick<Listed, 'position'>;

/** The page, or null when the read model has not yet caught up with the account. */
export function sessionsFromReadModel(pool: Pool, vault: Vault) {
  const listed = merged<Asked, Listed>(async (asked) => {
    const { rows } = await pool.query<Listed>({
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
    return rows;
  }, LISTS_AT_ONCE);
  return async (asked: Asked): Promise<Found | null> => {
    const { total, rows, position, complete } = await listed(asked);
    return complete ? { total, sessions: viewsOf(rows ?? [], asked.accountId, vault), position } : null;
  };
}

function viewsOf(rows: readonly Row[], accountId: string, vault: Vault): SessionView[] {
  const keys = new Map(
    rows.flatMap(({ key_id, wrapped_key }) => (wrapped_key ? [[key_id!, fromBase64(wrapped_key)]] : [])),
  );
  const streamId = accountStreamId(accountId);
  const personal = vault.openUnder(
    keys,
    rows.map(({ event_id: eventId, type, sealed }) => ({
      streamId,
      eventId,
      type,
      sealed: sealed === null ? null : fromBase64(sealed),
    })),
  );
  return rows.map((row, i) =>
    sessionView(
      {
        sessionId: row.session_id,
        issuedAt: toInstant(row.issued_at),
        expiresAt: toInstant(row.expires_at),
      },
      toInstant(row.last_seen_at),
      personal[i] ?? null,
    ),
  );
}

const fromBase64 = (text: string) => Buffer.from(text, 'base64');

/** As PostgreSQL writes it in JSON, without the zeros at its end. To parse it as a date takes seven times as long. */
const toInstant = (text: string) => `${text.slice(0, 19)}.${text.slice(20, 23).padEnd(3, '0')}Z`;
