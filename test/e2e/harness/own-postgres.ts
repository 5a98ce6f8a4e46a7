import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '../../../stack/src/postgres.js';
import type { TestDatabase } from '../../harness/database.js';
import { startProcess } from './app-process.js';

/** A PostgreSQL for one test file, migrated, that can go away and come back on the same port. */
export interface OwnPostgres extends TestDatabase {
  stop(): Promise<void>;
  /** SIGKILL, in the middle of whatever it does: what it had only in memory is lost. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'postgres-'));
  const options = { dataDir: join(folder, 'data'), binDir: process.env.POSTGRES_BIN_DIR || undefined };
  let server: PostgresServer = await startPostgres(options);
  const { port, ownerUrl } = server;
  const appUrl = new URL(ownerUrl);
  appUrl.username = 'signoff_app';
  appUrl.password = randomBytes(24).toString('base64url');
  await migrate(ownerUrl, appUrl.href);
  return {
    ownerUrl,
    appUrl: appUrl.href,
    stop: () => server.stop(),
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async start() {
      server = await startPostgres({ ...options, port });
    },
    async drop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function migrate(ownerUrl: string, appUrl: string): Promise<void> {
  const variables = { MIGRATION_DATABASE_URL: ownerUrl, DATABASE_URL: appUrl };
  const migration = await startProcess('sessions-api', variables, 'migrate');
  if ((await migration.exited) !== 0) throw new Error(migration.output());
}
