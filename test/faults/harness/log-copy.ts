import type { Pool } from 'pg';

const TABLES = ['subject_key', 'command', 'stream', 'event', 'head'];

/** A copy of the log, as a backup would have it. */
export async function copyLog(owner: Pool): Promise<void> {
  const copies = TABLES.map((table) => `CREATE TABLE log_copy.${table} AS TABLE event_log.${table};`);
  await owner.query(`
    BEGIN ISOLATION LEVEL REPEATABLE READ;
    DROP SCHEMA IF EXISTS log_copy CASCADE;
    CREATE SCHEMA log_copy;
    ${copies.join('\n')}
    COMMIT`);
}

/** Puts the copy in the place of the log, under the eyes of whoever uses it. The triggers against that are off meanwhile. */
export async function putLogBack(owner: Pool): Promise<void> {
  const emptied = [...TABLES].reverse().map((table) => `DELETE FROM event_log.${table};`);
  const filled = TABLES.map((table) => `INSERT INTO event_log.${table} SELECT * FROM log_copy.${table};`);
  await owner.query(`
    BEGIN;
    SET LOCAL session_replication_role = replica;
    LOCK TABLE event_log.head, event_log.event, event_log.stream, event_log.command, event_log.subject_key
      IN ACCESS EXCLUSIVE MODE;
    ${emptied.join('\n')}
    ${filled.join('\n')}
    COMMIT`);
}
