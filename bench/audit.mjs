import { createPool } from '../dist/libs/event-log/src/connection.js';
import { auditPositions } from '../dist/apps/sessions-api/src/queries/audit-positions.js';
import { median, withStack } from './stack.mjs';

const ENTRIES = Number(process.argv[2] ?? 10_000_000);
const AT_ONCE = 500_000;
const ROUNDS = 15;
const TABLE = 'audit_entry';

/** Most of 200,000 accounts have some fifty entries each; one has a tenth of all. Reasons and actors are as uneven. */
const FILL = `
  INSERT INTO read_model.${TABLE} (position, recorded_at, type, account_id, session_id, actor_type, actor_id,
    credential, reason, ip_address, subject_key_id)
  SELECT n, '2026-01-01'::timestamptz + n * interval '300 ms', type, account, 'session_' || lpad((n / 2)::text, 22, '0'),
    CASE WHEN type = 'SessionRevoked' THEN 'account' ELSE 'service' END,
    CASE WHEN type = 'SessionRevoked' THEN account WHEN n % 1999993 = 7 THEN 'key_rare' ELSE 'key_login' END,
    'key_login',
    CASE WHEN type <> 'SessionRevoked' THEN NULL WHEN n % 999983 = 5 THEN 'policy' WHEN n % 9 = 0 THEN 'user_all' ELSE 'user' END,
    CASE WHEN type = 'SessionIssued' THEN '198.' || n % 251 || '.' || (n / 251) % 251 || '.' || n % 13 END,
    CASE WHEN type = 'SessionIssued' THEN $3::uuid END
  FROM (SELECT n, CASE WHEN n % 2 = 1 THEN 'SessionRevoked' WHEN n % 20 = 0 THEN 'SessionExtended' ELSE 'SessionIssued' END AS type,
      CASE WHEN n % 10 < 1 THEN 'big' ELSE 'account-' || (n * 7919) % 200000 END AS account
    FROM generate_series($1::bigint, $2::bigint) AS n) AS events`;

const [FROM, TO] = [ENTRIES * 0.4, ENTRIES * 0.6].map((n) =>
  new Date(Date.parse('2026-01-01T00:00:00Z') + n * 300).toISOString(),
);

const QUESTIONS = {
  everything: {},
  'an account of fifty entries': { accountId: 'account-7919' },
  'an account of a tenth of all': { accountId: 'big' },
  'a type': { type: 'SessionRevoked' },
  'an actor who did half of all': { actor: 'key_login' },
  'an actor who did five things': { actor: 'key_rare' },
  'a rare reason': { reason: 'policy' },
  'an address': { ipAddress: '198.7.7.7' },
  'a session': { session: `session_${String(ENTRIES / 4).padStart(22, '0')}` },
  'a span of time': { from: FROM, to: TO },
  'a rare reason in a span of time': { reason: 'policy', from: FROM, to: TO },
  'account, type and time': { accountId: 'big', type: 'SessionExtended', from: FROM, to: TO },
  'type and rare actor': { type: 'SessionIssued', actor: 'key_rare' },
  'two halves that never meet': { type: 'SessionRevoked', actor: 'key_login' },
  'nothing there': { accountId: 'nobody' },
};

await withStack(async ({ databaseUrl, ownerUrl }) => {
  const owner = createPool(ownerUrl);
  const indexes = await owner.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = '${TABLE}' AND indexname LIKE 'audit_%' AND indexname NOT LIKE '%pkey'`,
  );
  for (const { indexname } of indexes.rows) await owner.query(`DROP INDEX read_model.${indexname}`);
  const { rows: keys } = await owner.query(
    `INSERT INTO event_log.subject_key VALUES (gen_random_uuid(), 'account-x', '2026-01-01', '\\x01', 'x') RETURNING key_id`,
  );
  for (let first = 1; first <= ENTRIES; first += AT_ONCE) {
    await owner.query(FILL, [first, Math.min(ENTRIES, first + AT_ONCE - 1), keys[0].key_id]);
  }
  const indexing = performance.now();
  for (const { indexdef } of indexes.rows) await owner.query(indexdef);
  console.log(`indexes: ${((performance.now() - indexing) / 1000).toFixed(1)} s`);
  await owner.query(`VACUUM (ANALYZE) read_model.${TABLE}`);
  const last = `position, hash FROM event_log.head`;
  await owner.query(
    `UPDATE event_log.head SET position = ${ENTRIES}, hash = decode(repeat('ab', 32), 'hex');
     INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, metadata, recorded_at, hash)
       SELECT position, 'audit', 1, gen_random_uuid(), 'AuditRead', 1, '{}', '{}', now(), hash FROM event_log.head;
     INSERT INTO read_model.checkpoint SELECT 'audit', log_id, epoch, ${last}`,
  );
  const { rows: size } = await owner.query(
    `SELECT pg_table_size('read_model.${TABLE}') AS rows, pg_indexes_size('read_model.${TABLE}') AS indexes`,
  );
  const each = (bytes) => Math.round(Number(bytes) / ENTRIES);
  console.log(
    `${ENTRIES} entries: ${each(size[0].rows)} bytes each, and ${each(size[0].indexes)} of indexes`,
  );

  const pool = createPool(databaseUrl, { max: 1 });
  for (const [name, filter] of Object.entries(QUESTIONS)) {
    const told = [];
    for (const [page, before] of [
      ['first', Infinity],
      ['deep', ENTRIES / 2],
    ]) {
      const times = [];
      let found = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const start = performance.now();
        found = (await auditPositions(pool, filter, before, 101)).positions.length;
        times.push(performance.now() - start);
        if (times.at(-1) > 2_000) break;
      }
      const [middle, most] = [median(times), Math.max(...times)].map((ms) => ms.toFixed(1));
      told.push(`${page} page ${middle} ms (at most ${most}), ${found} found`);
    }
    console.log(`${name}: ${told.join('; ')}`);
  }
  await Promise.all([pool.end(), owner.end()]);
});
