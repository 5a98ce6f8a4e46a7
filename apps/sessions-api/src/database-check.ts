import type { Pool } from 'pg';

const CHECK = `
  SELECT to_regclass('event_log.head') IS NOT NULL AND to_regclass('read_model.checkpoint') IS NOT NULL
      AND to_regclass('access.signing_key') IS NOT NULL AS migrated,
    current_setting('fsync') = 'on' AND current_setting('synchronous_commit') NOT IN ('off') AS durable`;

const MAY_CHANGE_EVENTS = `
  SELECT has_table_privilege('event_log.event', 'UPDATE') OR has_table_privilege('event_log.event', 'DELETE') AS may`;

/** Refuses to start on a database that cannot keep the promises: not durable, not migrated, or too much allowed. */
export async function refuseUnsafeDatabase(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ migrated: boolean; durable: boolean }>(CHECK);
  if (!rows[0]?.migrated) throw new Error('the database is not migrated: run the migrations first');
  if (!rows[0].durable) throw new Error('PostgreSQL must run with fsync and synchronous_commit on');
  const { rows: rights } = await pool.query<{ may: boolean }>(MAY_CHANGE_EVENTS);
  if (rights[0]?.may) {
    throw new Error(
      'the role of DATABASE_URL may change or delete events: give it the one that the migration made',
    );
  }
}
