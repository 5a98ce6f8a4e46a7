import type { Pool } from 'pg';
import type { SubjectKey } from './sealing.js';

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
