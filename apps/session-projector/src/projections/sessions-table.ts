import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { netEffect, type IssuedSession, type NetEffect } from './net-effect.js';
import { openEvents } from './opened-events.js';
import type { ProjectedTable } from './projected-tables.js';
import { type PersonalColumns, SessionColumns } from './session-columns.js';

interface SessionRow extends IssuedSession {
  readonly subjectKeyId: string | null;
  readonly personal: PersonalColumns | null;
}

interface PreparedSessions {
  readonly effect: NetEffect;
  readonly rows: readonly SessionRow[];
}

/** `read_model.session`: the sessions that nobody has ended, as lists show them. */
export const SESSIONS_TABLE: ProjectedTable<PreparedSessions> = {
  projection: SESSIONS_PROJECTION,
  table: 'session',
  key: 'session_id',
  rows: 'sessions',
  beside: ['activity'],

  preparing(pool, masterKey) {
    const columns = new SessionColumns();
    return async (events, logId) => {
      const effect = netEffect(events);
      const issues = effect.issued.map(({ issue }) => issue);
      const opened = await openEvents(pool, masterKey, issues, logId);
      const rows = effect.issued.map((session) => {
        const found = opened.get(session.issue.position);
        const personal = found ? columns.of(found.data) : null;
        return { ...session, subjectKeyId: found?.subjectKeyId ?? null, personal };
      });
      return { effect, rows };
    };
  },

  erasure: (set, { effect: { erased } }) =>
    erased.size === 0
      ? undefined
      : {
          text: `UPDATE ${set}.session SET ip_address = NULL, user_agent = NULL, fingerprint = NULL, browser = NULL, os = NULL,
         device = NULL
       WHERE account_id = ANY($1) AND subject_key_id IS NOT NULL AND NOT EXISTS (
         SELECT FROM event_log.subject_key WHERE key_id = subject_key_id AND wrapped_key IS NOT NULL)`,
          values: [[...erased]],
        },

  changes: (set) => `issued AS (
    INSERT INTO ${set}.session (session_id, account_id, issued_position, issued_at, expires_at, subject_key_id,
      ip_address, user_agent, fingerprint, browser, os, device)
    SELECT * FROM unnest($7::text[], $8::text[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::uuid[],
      $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[])
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (session_id) DO UPDATE SET account_id = excluded.account_id,
      issued_position = excluded.issued_position, issued_at = excluded.issued_at, expires_at = excluded.expires_at,
      subject_key_id = excluded.subject_key_id, ip_address = excluded.ip_address, user_agent = excluded.user_agent,
      fingerprint = excluded.fingerprint, browser = excluded.browser, os = excluded.os, device = excluded.device
  ), extended AS (
    UPDATE ${set}.session SET expires_at = e.expires_at
    FROM unnest($19::text[], $20::timestamptz[]) AS e (session_id, expires_at)
    WHERE session.session_id = e.session_id AND EXISTS (SELECT FROM moved)
  ), ended AS (
    DELETE FROM ${set}.session WHERE session_id = ANY($21::text[]) AND EXISTS (SELECT FROM moved)
  ), forgotten AS (
    DELETE FROM ${set}.activity WHERE session_id = ANY($21::text[]) AND EXISTS (SELECT FROM moved)
  )`,

  values: ({ rows, effect: { extended, ended } }) => [
    rows.map(({ sessionId }) => sessionId),
    rows.map(({ accountId }) => accountId),
    rows.map(({ issue }) => issue.position),
    rows.map(({ issuedAt }) => issuedAt),
    rows.map(({ expiresAt }) => expiresAt),
    rows.map(({ subjectKeyId }) => subjectKeyId),
    rows.map(({ personal }) => personal?.ipAddress ?? null),
    rows.map(({ personal }) => personal?.userAgent ?? null),
    rows.map(({ personal }) => personal?.fingerprint ?? null),
    rows.map(({ personal }) => personal?.browser ?? null),
    rows.map(({ personal }) => personal?.os ?? null),
    rows.map(({ personal }) => personal?.device ?? null),
    [...extended.keys()],
    [...extended.values()],
    [...ended],
  ],
};
