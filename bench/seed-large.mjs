import { createPool } from '../dist/libs/event-log/src/connection.js';

const AT_ONCE = 500_000;
const TABLES = ['event_log.event', 'event_log.stream', 'read_model.session'];

/** $1 and $2: the first and last session; $3: how many accounts; $4 and $5: when they were issued and expire. */
const STATEMENTS = [
  `INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, metadata, recorded_at, hash)
   SELECT n + 1, 'account-user-' || lpad((n % $3)::text, 8, '0'), n / $3 + 1, gen_random_uuid(), 'SessionIssued', 1,
     '{"sessionId":"session_' || lpad(n::text, 22, '0') || '","issuedAt":"' || $4 || '","expiresAt":"' || $5 || '"}',
     '{"actor":{"type":"service","id":"bench"},"credential":"bench","commandId":"bench","requestId":"bench"}',
     $4::timestamptz, sha256(n::text::bytea)
   FROM generate_series($1::bigint, $2::bigint) AS n`,
  `INSERT INTO read_model.session (session_id, account_id, issued_position, issued_at, expires_at)
   SELECT 'session_' || lpad(n::text, 22, '0'), 'user-' || lpad((n % $3)::text, 8, '0'), n + 1, $4::timestamptz,
     $5::timestamptz
   FROM generate_series($1::bigint, $2::bigint) AS n`,
];

/**
 * A log of many sessions and its read model, made in PostgreSQL. Lists and appends work on it as on any other; its hashes are
 * not a chain, nothing in it is sealed, and the audit trail lacks it. Session n is account n % accounts', as in `seed.mjs`.
 */
export async function seedLarge(ownerUrl, { accounts, perAccount }, { issuedAt, expiresAt }) {
  const owner = createPool(ownerUrl, { max: 1 });
  const sessions = accounts * perAccount;
  await owner.query(`SET synchronous_commit = off; SET maintenance_work_mem = '512MB'`);
  await withoutIndexes(owner, async () => {
    for (let first = 0; first < sessions; first += AT_ONCE) {
      const of = [first, Math.min(first + AT_ONCE, sessions) - 1, accounts, issuedAt, expiresAt];
      for (const statement of STATEMENTS) await owner.query(statement, of);
    }
    await owner.query(
      `INSERT INTO event_log.stream (stream_id, version, position)
       SELECT 'account-user-' || lpad(n::text, 8, '0'), $2::int, n + 1 + ($2::int - 1) * $1::bigint
       FROM generate_series(0, $1::bigint - 1) AS n`,
      [accounts, perAccount],
    );
  });
  await owner.query(
    `UPDATE event_log.head SET position = $1, hash = sha256(($1::bigint - 1)::text::bytea), recorded_at = $2`,
    [sessions, issuedAt],
  );
  await owner.query(
    `INSERT INTO read_model.checkpoint SELECT name, log_id, epoch, position, hash
     FROM event_log.head, unnest(ARRAY['sessions', 'audit']) AS name`,
  );
  for (const table of TABLES) await owner.query(`VACUUM (ANALYZE) ${table}`);
  await owner.query('CHECKPOINT');
  await owner.end();
  return sessions;
}

/** They are made faster behind the rows than with each of them. */
async function withoutIndexes(owner, work) {
  const { rows } = await owner.query(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
     FROM pg_constraint WHERE conrelid = ANY($1::regclass[]) AND contype IN ('p', 'u')
     UNION ALL
     SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
     FROM pg_index WHERE indrelid = ANY($1::regclass[])
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
    [TABLES],
  );
  for (const { drop } of rows) await owner.query(drop);
  await work();
  for (const { make } of rows) await owner.query(make);
}
