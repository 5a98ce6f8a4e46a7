import type { Pool } from 'pg';
import { SEALED_UNDER, type SubjectKey } from './sealing.js';

/** The key that a stream's personal data of a month is sealed under today, if it has one. */
export async function subjectKeyInUse(
  pool: Pool,
  streamId: string,
  month: string,
): Promise<SubjectKey | undefined> {
  const { rows } = await pool.query<SubjectKey>({
    name: 'log-subject-key-in-use',
    text: `SELECT key_id AS "keyId", month::text, wrapped_key AS "wrappedKey", master_key_id AS "masterKeyId"
      FROM event_log.subject_key WHERE stream_id = $1 AND month = $2 AND wrapped_key IS NOT NULL`,
    values: [streamId, month],
  });
  return rows[0];
}

/** The keys among `keyIds` that were not destroyed. */
export async function wrappedKeys(pool: Pool, keyIds: readonly string[]): Promise<Map<string, Buffer>> {
  const { rows } = await pool.query<{ keyId: string; wrappedKey: Buffer }>({
    name: 'log-wrapped-keys',
    text: `SELECT key_id AS "keyId", wrapped_key AS "wrappedKey" FROM event_log.subject_key
      WHERE key_id = ANY($1) AND wrapped_key IS NOT NULL`,
    values: [keyIds],
  });
  return new Map(rows.map(({ keyId, wrappedKey }) => [keyId, wrappedKey]));
}

export interface SealedAt {
  readonly position: number;
  readonly sealed: Buffer;
  readonly keyId: string;
  /** Null where it was destroyed. */
  readonly wrappedKey: Buffer | null;
}

/**
 * What is sealed in events of accounts from one position to another, with the keys, in no order. What is sealed in others,
 * the hash of a key's secret, is nobody's to read.
 */
export async function readSealed(pool: Pool, first: number, last: number): Promise<SealedAt[]> {
  const { rows } = await pool.query<SealedAt>({
    name: 'log-sealed',
    text: `SELECT position, sealed, key_id AS "keyId", wrapped_key AS "wrappedKey"
      FROM event_log.event JOIN event_log.subject_key ON key_id = ${SEALED_UNDER}
      WHERE position BETWEEN $1 AND $2 AND sealed IS NOT NULL AND event.stream_id LIKE 'account-%'`,
    values: [first, last],
  });
  return rows;
}

export interface LivingKey {
  readonly keyId: string;
  readonly month: string;
}

/** The keys of a stream that were not destroyed, of the months before `before`, or of all. */
export async function livingKeys(
  pool: Pool,
  streamId: string,
  before: string | null = null,
): Promise<LivingKey[]> {
  const { rows } = await pool.query<LivingKey>({
    name: 'log-living-keys',
    text: `SELECT key_id AS "keyId", month::text FROM event_log.subject_key
      WHERE stream_id = $1 AND wrapped_key IS NOT NULL AND ($2::date IS NULL OR month < $2) ORDER BY month`,
    values: [streamId, before],
  });
  return rows;
}

/** Up to `limit` accounts' streams behind `after` that have living keys of months before `before`. */
export async function streamsWithKeysBefore(
  pool: Pool,
  before: string,
  after: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await pool.query<{ streamId: string }>(
    `SELECT DISTINCT stream_id AS "streamId" FROM event_log.subject_key
     WHERE wrapped_key IS NOT NULL AND month < $1 AND stream_id > $2 AND stream_id < 'account.'
     ORDER BY stream_id LIMIT $3`,
    [before, after, limit],
  );
  return rows.map(({ streamId }) => streamId);
}
