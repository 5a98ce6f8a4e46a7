import type { Pool } from 'pg';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { IssuedSession, NetEffect } from './net-effect.js';
import type { PersonalColumns } from './personal-data.js';

/** The schema of a set: its tables are named alike in each. */
export type TableSet = 'read_model' | 'read_model_next';

/**
 * One statement, and so one transaction in one round trip. Every part of it asks `moved` for a row: where somebody else
 * has moved the checkpoint, or the log does not have the last of these events, nothing is written.
 */
const textFor = (set: TableSet) => `
  WITH moved AS (
    UPDATE ${set}.checkpoint SET position = $5, hash = $6
    WHERE projection = $1 AND log_id = $2 AND epoch = $3 AND position = $4
      AND EXISTS (SELECT FROM event_log.event WHERE event.position = $5 AND event.hash = $6)
    RETURNING 1
  ), issued AS (
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
  )
  SELECT count(*) AS moved FROM moved`;

const TEXTS = { read_model: textFor('read_model'), read_model_next: textFor('read_model_next') };

export type SessionRow = IssuedSession & { readonly personal: PersonalColumns | undefined };

/** Answers whether the checkpoint stood at `from`, and the log has what `to` names, so that everything was written. */
export async function writeSessions(
  pool: Pool,
  set: TableSet,
  from: CheckpointPosition,
  to: CheckpointPosition,
  rows: readonly SessionRow[],
  { extended, ended }: NetEffect,
): Promise<boolean> {
  const { rows: answer } = await pool.query<{ moved: number }>({
    name: `${set}-write-sessions`,
    text: TEXTS[set],
    values: [
      SESSIONS_PROJECTION,
      from.logId,
      from.epoch,
      from.position,
      to.position,
      to.hash,
      rows.map(({ sessionId }) => sessionId),
      rows.map(({ accountId }) => accountId),
      rows.map(({ issue }) => issue.position),
      rows.map(({ issuedAt }) => issuedAt),
      rows.map(({ expiresAt }) => expiresAt),
      rows.map(({ personal }) => personal?.subjectKeyId ?? null),
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
  });
  return answer[0]!.moved === 1;
}

/**
 * Forgets what was sealed under keys that are no more. To be done before a batch with such an erasure is written: what a
 * key's end has made unreadable is never wrong to leave out, and is left out again if this process dies in between.
 */
export async function erasePersonalColumns(
  pool: Pool,
  set: TableSet,
  accounts: ReadonlySet<string>,
): Promise<void> {
  if (accounts.size === 0) return;
  await pool.query(
    `UPDATE ${set}.session SET ip_address = NULL, user_agent = NULL, fingerprint = NULL, browser = NULL, os = NULL,
       device = NULL
     WHERE account_id = ANY($1) AND subject_key_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM event_log.subject_key WHERE key_id = subject_key_id AND wrapped_key IS NOT NULL)`,
    [[...accounts]],
  );
}

/** Empties the read model for another log. Answers whether the checkpoint stood at `from`, so that it was done. */
export async function startAgain(
  pool: Pool,
  from: CheckpointPosition,
  to: CheckpointPosition,
): Promise<boolean> {
  const { rows } = await pool.query<{ moved: number }>(
    `WITH moved AS (
       UPDATE read_model.checkpoint SET log_id = $5, epoch = $6, position = $7, hash = $8
       WHERE projection = $1 AND log_id = $2 AND epoch = $3 AND position = $4
       RETURNING 1
     ), emptied AS (
       DELETE FROM read_model.session WHERE EXISTS (SELECT FROM moved)
     )
     SELECT count(*) AS moved FROM moved`,
    [SESSIONS_PROJECTION, from.logId, from.epoch, from.position, to.logId, to.epoch, to.position, to.hash],
  );
  return rows[0]!.moved === 1;
}
