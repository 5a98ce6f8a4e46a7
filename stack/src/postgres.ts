import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Child, describeExit, type Exit, startChild } from './child.js';
import { freePort } from './free-port.js';
import { keptSecret } from './kept-secret.js';
import { findPostgresBinaries } from './postgres-binaries.js';
import { initialiseCluster } from './postgres-cluster.js';
import { lockHolder, releaseStaleLock } from './postgres-lock.js';
import { placePostgresFolder, type PostgresFolder } from './postgres-folder.js';
import { ownerRole, waitForPostgres } from './postgres-ready.js';

export interface PostgresOptions {
  /** Made on first use; the data in it is continued with afterwards. */
  readonly dataDir: string;
  /** A free one unless given. */
  readonly port?: number;
  /** The folder of `postgres` and `initdb`; found unless given. */
  readonly binDir?: string;
  /** Server settings beside ours, as on the command line: `{ wal_level: 'logical' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly say?: (line: string) => void;
}

export interface PostgresServer {
  readonly port: number;
  /** The owner, a superuser of this private server, at the database `signoff`. */
  readonly ownerUrl: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  logTail(): Promise<string>;
  /** Fast shutdown: sessions are ended, everything committed is kept. */
  stop(): Promise<void>;
}

/** Resolves when the database `signoff` takes connections on 127.0.0.1. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const say = options.say ?? (() => {});
  const folder = await placePostgresFolder(options.dataDir, say);
  const binDir = await findPostgresBinaries({ binDir: options.binDir, account: folder.account, say });
  const password = await keptSecret(join(folder.path, 'owner-password'), () =>
    randomBytes(24).toString('base64url'),
  );
  await initialiseCluster(binDir, folder, password);

  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    await releaseStaleLock(folder.pgdata);
    const port = options.port ?? (await freePort());
    const child = await launch(binDir, folder, port, options.settings ?? {});
    const ownerUrl = `postgres://${ownerRole}:${password}@127.0.0.1:${port}/signoff`;
    const failure = await readyOrFailure(child, ownerUrl);
    if (!failure) return { ...child, port, ownerUrl };

    const portTaken = /could not bind .* address/.test(failure.log);
    if (portTaken && options.port) throw new Error(`Port ${port}, meant for PostgreSQL, is taken`);
    const locked = /lock file .* already exists/.test(failure.log);
    const holder = locked ? await lockHolder(folder.pgdata) : undefined;
    if (holder && !holder.stopping) {
      throw new Error(
        `The data folder ${options.dataDir} is in use by a running PostgreSQL (process ${holder.pid})`,
      );
    }
    // Backends that outlive a killed server for a moment still hold its shared memory.
    const dying = locked || /pre-existing shared memory block .* is still in use/.test(failure.log);
    if (!(portTaken || dying) || Date.now() > giveUpAt) throw failure.error;
    if (dying) await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function readyOrFailure(
  child: Child,
  ownerUrl: string,
): Promise<{ error: Error; log: string } | undefined> {
  const whenExited = new AbortController();
  const exited = child.exited.then((exit) => {
    whenExited.abort();
    return exit;
  });
  try {
    await waitForPostgres(ownerUrl, whenExited.signal);
    return undefined;
  } catch (cause) {
    await child.stop();
    const log = await child.logTail();
    return { error: new Error(`PostgreSQL ${describeExit(await exited)}:\n${log}`, { cause }), log };
  }
}

function launch(
  binDir: string,
  { path, pgdata, account }: PostgresFolder,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<Child> {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: 'on',
    synchronous_commit: 'on',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  return startChild({
    command: join(binDir, 'postgres'),
    args: ['-D', pgdata, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env: { LC_ALL: 'C', PATH: process.env.PATH },
    cwd: '/',
    logFile: join(path, 'postgres.log'),
    account,
    stopSignals: [
      ['SIGINT', 20_000],
      ['SIGQUIT', 10_000],
    ],
  });
}
