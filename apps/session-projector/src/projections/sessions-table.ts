import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { netEffect, type NetEffect } from './net-effect.js';
import type { ProjectedTable } from './projected-tables.js';

/** `read_model.session`: the sessions that nobody has ended. What is personal of them stands in the log alone, sealed. */
export const SESSIONS_TABLE: ProjectedTable<NetEffect> = {
  projection: SESSIONS_PROJECTION,
  table: 'session',
  key: 'session_id',
  rows: 'sessions',
  beside: ['activity'],

  preparing: () => async (events) => netEffect(events),

  changes: (set) => `issued AS (
    INSERT INTO ${set}.session (session_id, account_id, issued_position, issued_at, expires_at)
    SELECT * FROM unnest($7::text[], $8::text[], $9::bigint[], $10::timestamptz[], $11::timestamptz[])
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (session_id) DO UPDATE SET account_id = excluded.account_id,
      issued_position = excluded.issued_position, issued_at = excluded.issued_at, expires_at = excluded.expires_at
  ), extended AS (
    UPDATE ${set}.session SET expires_at = e.expires_at
    FROM unnest($12::text[], $13::timestamptz[]) AS e (session_id, expires_at)
    WHERE session.session_id = e.session_id AND EXISTS (SELECT FROM moved)
  ), ended AS (
    DELETE FROM ${set}.session WHERE session_id = ANY($14::text[]) AND EXISTS (SELECT FROM moved)
  ), forgotten AS (
    DELETE FROM ${set}.activity WHERE session_id = ANY($14::text[]) AND EXISTS (SELECT FROM moved)
  )`,

  values: ({ issued, extended, ended }) => [
    issued.map(({ sessionId }) => sessionId),
    issued.map(({ accountId }) => accountId),
    issued.map(({ issuedPosition }) => issuedPosition),
    issued.map(({ issuedAt }) => issuedAt),
    issued.map(({ expiresAt }) => expiresAt),
    [...extended.keys()],
    [...extended.values()],
    [...ended],
  ],
};
