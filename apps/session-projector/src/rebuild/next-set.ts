import { escapeIdentifier, type Client } from 'pg';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { HEAD_COLUMNS, type Head } from '#event-log/head.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { readModelGrants } from '#read-model/migrations/grants.js';
import { RebuildRefusal } from './rebuild-refusal.js';
import type { Rebuildable } from './rebuildable.js';

/** Lists wait for the swap, and it for those that read already: no longer than this, then it lets them go first. */
const LISTS_WAIT_MS = 200;

/** Everything that LIKE leaves out, under the names that it has in `read_model`, except indexes that are not needed to fill. */
const leftOut = (table: string) => `
  SELECT format('ALTER TABLE read_model_next.${table} OWNER TO %I', pg_get_userbyid(relowner)) AS statement
  FROM pg_class WHERE oid = $1::regclass
  UNION ALL
  SELECT format('ALTER TABLE read_model_next.${table} SET (%s)', array_to_string(reloptions, ', '))
  FROM pg_class WHERE oid = $1::regclass AND reloptions IS NOT NULL
  UNION ALL
  SELECT format('GRANT %s ON read_model_next.${table} TO %s', privilege_type,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
  FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass AND grantee <> relowner
  UNION ALL
  SELECT format('ALTER TABLE read_model_next.${table} ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('p', 'u', 'x')`;

const indexes = (table: string) => `
  SELECT replace(pg_get_indexdef(indexrelid), ' ON read_model.${table} ', ' ON read_model_next.${table} ') AS statement
  FROM pg_index WHERE indrelid = $1::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`;

const SHAPE = `
  SELECT (SELECT json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attnotnull) ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped)::text
    || (SELECT json_agg(relname ORDER BY relname)
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = $1::regclass)::text AS shape`;

/** One message to PostgreSQL, so that nothing that happens to this process can keep lists waiting. */
const swap = (table: string) => `
  SET LOCAL lock_timeout = ${LISTS_WAIT_MS};
  LOCK TABLE read_model.${table} IN ACCESS EXCLUSIVE MODE;
  DROP TABLE read_model.${table};
  ALTER TABLE read_model_next.${table} SET SCHEMA read_model;
  INSERT INTO read_model.checkpoint (projection, log_id, epoch, position, hash)
    SELECT projection, log_id, epoch, position, hash FROM read_model_next.checkpoint
    ON CONFLICT (projection) DO UPDATE SET
      log_id = excluded.log_id, epoch = excluded.epoch, position = excluded.position, hash = excluded.hash;
  DROP SCHEMA read_model_next CASCADE;
  COMMIT`;

/** The next set of tables, empty, at the start of the log. What a rebuild that was killed has left is gone. */
export async function beginNextSet(
  owner: Client,
  role: string,
  { table, beside, projection }: Rebuildable,
): Promise<CheckpointPosition> {
  await dropNextSet(owner);
  await owner.query('CREATE SCHEMA read_model_next');
  for (const other of ['checkpoint', ...beside]) {
    await owner.query(`CREATE TABLE read_model_next.${other} (LIKE read_model.${other} INCLUDING ALL)`);
  }
  await owner.query(
    `CREATE TABLE read_model_next.${table} (LIKE read_model.${table} INCLUDING ALL EXCLUDING INDEXES)`,
  );
  await runEach(owner, leftOut(table), table);
  for (const grant of readModelGrants(escapeIdentifier(role), 'read_model_next')) await owner.query(grant);
  const { rows } = await owner.query<Head>(`SELECT ${HEAD_COLUMNS} FROM event_log.head`);
  const { logId, epoch } = rows[0]!;
  await owner.query(
    `INSERT INTO read_model_next.checkpoint (projection, log_id, epoch, position, hash) VALUES ($1, $2, $3, 0, $4)`,
    [projection, logId, epoch, GENESIS_HASH],
  );
  return { logId, epoch, position: 0, hash: GENESIS_HASH };
}

/** The other indexes, and what the planner has to know. */
export async function finishNextSet(owner: Client, { table }: Rebuildable): Promise<void> {
  await runEach(owner, indexes(table), table);
  await owner.query(`VACUUM (ANALYZE) read_model_next.${table}`);
}

/** Both sets have to be alike while nobody projects: a migration may have been here meanwhile. */
export async function refuseChangedTables(owner: Client, { table }: Rebuildable): Promise<void> {
  const [old, next] = [
    await shapeOf(owner, `read_model.${table}`),
    await shapeOf(owner, `read_model_next.${table}`),
  ];
  if (old !== next) {
    throw new RebuildRefusal('TABLES_CHANGED', 'a migration has changed the tables while this went on');
  }
}

/** To be called in a transaction while nobody projects; ends it. Rejects when somebody reads for too long. */
export async function swapSets(owner: Client, { table }: Rebuildable): Promise<void> {
  await owner.query(swap(table));
}

export async function dropNextSet(owner: Client): Promise<void> {
  await owner.query('DROP SCHEMA IF EXISTS read_model_next CASCADE');
}

async function shapeOf(owner: Client, table: string): Promise<string> {
  const { rows } = await owner.query<{ shape: string }>(SHAPE, [table]);
  return rows[0]!.shape;
}

async function runEach(owner: Client, statements: string, table: string): Promise<void> {
  const { rows } = await owner.query<{ statement: string }>(statements, [`read_model.${table}`]);
  for (const { statement } of rows) await owner.query(statement);
}
