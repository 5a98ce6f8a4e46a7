import { randomBytes } from 'node:crypto';
import { createClient } from '#event-log/connection.js';

export interface TestDatabase {
  /** A superuser: for looking behind the curtain, and for what only an operator may do. */
  readonly ownerUrl: string;
  /** The application's role, with what it is granted and nothing more. */
  readonly appUrl: string;
  /** Ends every connection to it. */
  readonly drop: () => Promise<void>;
}

/** A migrated database of its own, with a log of its own, on the run's one PostgreSQL. */
export async function createDatabase(): Promise<TestDatabase> {
  const database = await copyDatabase(process.env.SIGNOFF_TEST_OWNER_URL!);
  await inDatabase(
    new URL(database.ownerUrl).pathname.slice(1),
    'UPDATE event_log.head SET log_id = gen_random_uuid()',
  );
  return database;
}

/** The same log at this moment, as a backup would have it. Nobody may be connected to the original. */
export async function copyDatabase(ownerUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await inDatabase('postgres', `CREATE DATABASE ${name} TEMPLATE ${new URL(ownerUrl).pathname.slice(1)}`);
  return {
    ownerUrl: urlOf(ownerUrl, name),
    appUrl: urlOf(process.env.SIGNOFF_TEST_APP_URL!, name),
    drop: () => inDatabase('postgres', `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function inDatabase(name: string, statement: string): Promise<void> {
  const client = createClient(urlOf(process.env.SIGNOFF_TEST_OWNER_URL!, name));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function urlOf(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = database;
  return other.href;
}
