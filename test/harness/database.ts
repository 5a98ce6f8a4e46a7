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
  const template = new URL(process.env.SIGNOFF_TEST_OWNER_URL!);
  const name = `test_${randomBytes(6).toString('hex')}`;
  await inDatabase('postgres', `CREATE DATABASE ${name} TEMPLATE ${template.pathname.slice(1)}`);
  await inDatabase(name, 'UPDATE event_log.head SET log_id = gen_random_uuid()');
  return {
    ownerUrl: urlOf(template.href, name),
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
