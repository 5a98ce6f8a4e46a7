import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { auditPositions } from '../../dist/apps/sessions-api/src/queries/audit-positions.js';
import { median } from '../measure.mjs';
import { number } from '../output.mjs';
import { withStack } from '../stack.mjs';

const AT_ONCE = 500_000;
const TABLE = 'audit_entry';
const START = Date.parse('2026-01-01T00:00:00Z');
const APART_MS = 300;

/** Most of 200,000 accounts have some fifty entries each; one has a tenth of all. Reasons and actors are as uneven. */
const FILL = `
  INSERT INTO read_model.${TABLE} (position, recorded_at, type, account_id, session_id, actor_type, actor_id,
    credential, reason, ip_address, subject_key_id)
  SELECT n, '2026-01-01'::timestamptz + n * interval '${APART_MS} ms', type, account, 'session_' || lpad((n / 2)::text, 22, '0'),
    CASE WHEN type = 'SessionRevoked' THEN 'account' ELSE 'service' END,
    CASE WHEN type = 'SessionRevoked' THEN account WHEN n % 1999993 = 7 THEN 'key_rare' ELSE 'key_login' END,
    'key_login',
    CASE WHEN type <> 'SessionRevoked' THEN NULL WHEN n % 999983 = 5 THEN 'policy' WHEN n % 9 = 0 THEN 'user_all' ELSE 'user' END,
    CASE WHEN type = 'SessionIssued' THEN '198.' || n % 251 || '.' || (n / 251) % 251 || '.' || n % 13 END,
    CASE WHEN type = 'SessionIssued' THEN $3::uuid END
  FROM (SELECT n, CASE WHEN n % 2 = 1 THEN 'SessionRevoked' WHEN n % 20 = 0 THEN 'SessionExtended' ELSE 'SessionIssued' END AS type,
      CASE WHEN n % 10 < 1 THEN 'big' ELSE 'account-' || (n * 7919) % 200000 END AS account
    FROM generate_series($1::bigint, $2::bigint) AS n) AS events`;

const questions = (entries) => {
  const [from, to] = [0.4, 0.6].map((share) => new Date(START + entries * share * APART_MS).toISOString());
  return {
    everything: {},
    'an account of fifty entries': { accountId: 'account-7919' },
    'an account of a tenth of all': { accountId: 'big' },
    'a type': { type: 'SessionRevoked' },
    'an actor who did half of all': { actor: 'key_login' },
    'an actor who did five things': { actor: 'key_rare' },
    'a rare reason': { reason: 'policy' },
    'an address': { ipAddress: '198.7.7.7' },
    'a session': { session: `session_${String(Math.floor(entries / 4)).padStart(22, '0')}` },
    'a span of time': { from, to },
    'a rare reason in a span of time': { reason: 'policy', from, to },
    'account, type and time': { accountId: 'big', type: 'SessionExtended', from, to },
    'type and rare actor': { type: 'SessionIssued', actor: 'key_rare' },
    'two halves that never meet': { type: 'SessionRevoked', actor: 'key_login' },
    'nothing there': { accountId: 'nobody' },
  };
};

export async function run({ smoke, rounds }) {
  const entries = smoke ? 20_000 : 10_000_000;
  const rows = [];
  await withStack(async ({ databaseUrl, ownerUrl }) => {
    const owner = createPool(ownerUrl, { max: 1 });
    await fill(owner, entries);
    const pool = createPool(databaseUrl, { max: 1 });
    for (const [name, filter] of Object.entries(questions(entries))) {
      const told = [];
      for (const before of [Infinity, entries / 2]) {
        const times = [];
        let found = 0;
        for (let round = 0; round < rounds * 3; round++) {
          const start = performance.now();
          found = (await auditPositions(pool, filter, before, 101)).positions.length;
          times.push(performance.now() - start);
          if (times.at(-1) > 2_000) break;
        }
        told.push(number(median(times)), number(Math.max(...times)), found);
      }
      rows.push([name, ...told]);
    }
    await Promise.all([pool.end(), owner.end()]);
  });
  return {
    title: 'A search of the audit trail',
    about: `${number(entries)} entries; a page of 100, of the newest and from the middle on.`,
    sections: [
      {
        title: 'By what is asked',
        columns: ['', 'newest, ms', 'most', 'found', 'deep, ms', 'most', 'found'],
        rows,
      },
    ],
  };
}

async function fill(owner, entries) {
  const { rows: indexes } = await owner.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = '${TABLE}' AND indexname LIKE 'audit_%' AND indexname NOT LIKE '%pkey'`,
  );
  for (const { indexname } of indexes) await owner.query(`DROP INDEX read_model.${indexname}`);
  const { rows: keys } = await owner.query(
    `INSERT INTO event_log.subject_key VALUES (gen_random_uuid(), 'account-x', '2026-01-01', '\\x01', 'x') RETURNING key_id`,
  );
  for (let first = 1; first <= entries; first += AT_ONCE) {
    await owner.query(FILL, [first, Math.min(entries, first + AT_ONCE - 1), keys[0].key_id]);
  }
  for (const { indexdef } of indexes) await owner.query(indexdef);
  await owner.query(`VACUUM (ANALYZE) read_model.${TABLE}`);
  await owner.query(
    `UPDATE event_log.head SET position = ${entries}, hash = decode(repeat('ab', 32), 'hex');
     INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, metadata, recorded_at, hash)
       SELECT position, 'audit', 1, gen_random_uuid(), 'AuditRead', 1, '{}', '{}', now(), hash FROM event_log.head;
     INSERT INTO read_model.checkpoint SELECT 'audit', log_id, epoch, position, hash FROM event_log.head`,
  );
}
