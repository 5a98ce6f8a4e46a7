import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';
import { type PostgresServer, startPostgres } from '../../../stack/src/postgres.js';
import type { TestDatabase } from '../../harness/database.js';
import { startProcess } from './app-process.js';

/** A PostgreSQL for one test file, migrated, that can go away and come back on the same port. */
export interface OwnPostgres extends TestDatabase {
  stop(): Promise<void>;
  /** SIGKILL, in the middle of whatever it does: what it had only in memory is lost. */
  kill(): Promise<void>;
  /** SIGQUIT, its immediate shutdown: everyone is cut off, and it has to recover when it starts. */
  crash(): Promise<void>;
  /** Stops all its processes where they are; `thaw` lets them go on. */
  freeze(): Promise<void>;
  thaw(): void;
  start(): Promise<void>;
}

/** `settings`: of the server, as on its command line. */
export async function startOwnPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnPostgres> {
  // Itself, and not below a folder of ours, which the account that runs PostgreSQL might not enter.
  const dataDir = join(process.env.SIGNOFF_TEST_FOLDER!, `postgres-${randomUUID()}`);
  const options = {
    dataDir,
    binDir: process.env.POSTGRES_BIN_DIR || undefined,
    settings,
  };
  let frozen: { pid: number; lifeLine: { cut(): void } }[] = [];
  const thaw = () => {
    for (const { pid, lifeLine } of frozen.splice(0).toReversed()) {
      process.kill(pid, 'SIGCONT');
      lifeLine.cut();
    }
  };
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
    async crash() {
      process.kill(server.pid, 'SIGQUIT');
      await server.exited;
    },
    async freeze() {
      // The first before the others: it starts no new ones meanwhile.
      process.kill(server.pid, 'SIGSTOP');
      const all = [server.pid, ...(await childrenOf(server.pid))];
      frozen = all.map((pid) => ({ pid, lifeLine: tieToLifeOfThisProcess(pid, 'SIGCONT') }));
      for (const pid of all) process.kill(pid, 'SIGSTOP');
    },
    thaw,
    async start() {
      server = await startPostgres({ ...options, port });
    },
    async drop() {
      thaw();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

async function migrate(ownerUrl: string, appUrl: string): Promise<void> {
  const variables = { MIGRATION_DATABASE_URL: ownerUrl, DATABASE_URL: appUrl };
  const migration = await startProcess('sessions-api', variables, 'migrate');
  if ((await migration.exited) !== 0) throw new Error(migration.output());
}
