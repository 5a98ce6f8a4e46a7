import type { World } from './world.js';

const TABLES = ['head', 'stream', 'event', 'command', 'subject_key'];

/** Copies the log, for `putBack`. */
export async function copyLog({ owner }: World): Promise<void> {
  await owner.query(`DROP SCHEMA IF EXISTS older CASCADE; CREATE SCHEMA older;
    ${TABLES.map((table) => `CREATE TABLE older.${table} AS TABLE event_log.${table};`).join('')}`);
}

/** Puts the log back to the copy in one transaction, under the eyes of everybody who uses it. */
export async function putBack({ owner }: World): Promise<void> {
  const client = await owner.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(`BEGIN; SELECT FROM event_log.head FOR UPDATE;
      ${TABLES.map((table) => `DELETE FROM event_log.${table}; INSERT INTO event_log.${table} SELECT * FROM older.${table};`).join('')}
      COMMIT`);
  } finally {
    client.release(true);
  }
}
