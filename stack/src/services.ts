import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { Client } from 'pg';
import { keptSecret } from './kept-secret.js';
import { startNatsServer } from './nats-server.js';
import { startPostgres } from './postgres.js';
import type { Running } from './running.js';
import type { Settings } from './settings.js';

export interface Services {
  /** Of the application's role, which the migration makes. */
  readonly databaseUrl: string;
  /** Of the owner. */
  readonly migrationDatabaseUrl: string;
  readonly natsUrl: string;
}

type Say = (line: string) => void;

/** The PostgreSQL and NATS that the environment names, or private ones that this starts. */
export async function provideServices(
  settings: Settings,
  running: Running,
  over: AbortSignal,
  say: Say,
): Promise<Services> {
  const postgres = settings.DATABASE_URL
    ? await useGivenPostgres(settings.DATABASE_URL, settings.MIGRATION_DATABASE_URL!)
    : await startOwnPostgres(settings, running, say);
  over.throwIfAborted();
  const natsUrl = settings.NATS_URL
    ? await useGivenNats(settings.NATS_URL)
    : await startOwnNats(settings, running, say);
  return { ...postgres, natsUrl };
}

async function startOwnPostgres(settings: Settings, running: Running, say: Say) {
  const dataDir = join(settings.dataDir, 'postgres');
  const server = await startPostgres({ dataDir, say });
  running.add('PostgreSQL', server);
  say(`PostgreSQL listens on 127.0.0.1:${server.port}`);
  const databaseUrl = new URL(server.ownerUrl);
  databaseUrl.username = 'signoff_app';
  databaseUrl.password = await keptSecret(join(dataDir, 'application-password'), () =>
    randomBytes(24).toString('base64url'),
  );
  return { databaseUrl: databaseUrl.href, migrationDatabaseUrl: server.ownerUrl };
}

async function useGivenPostgres(databaseUrl: string, migrationDatabaseUrl: string) {
  const client = new Client({ connectionString: migrationDatabaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect().catch((cause: Error) => {
    throw new Error(`MIGRATION_DATABASE_URL: no connection to PostgreSQL: ${reason(cause)}`, { cause });
  });
  await client.end();
  return { databaseUrl, migrationDatabaseUrl };
}

async function startOwnNats(settings: Settings, running: Running, say: Say): Promise<string> {
  const server = await startNatsServer({ storeDir: join(settings.dataDir, 'nats'), say });
  running.add('nats-server', server);
  say(`nats-server listens on 127.0.0.1:${server.port}`);
  return server.url;
}

async function useGivenNats(url: string): Promise<string> {
  const connection = await connect({ servers: url.split(','), reconnect: false, timeout: 10_000 }).catch(
    (cause: Error) => {
      throw new Error(`NATS_URL: no connection to NATS: ${reason(cause)}`, { cause });
    },
  );
  await connection.close();
  return url;
}

/** A name that resolves to several addresses fails with an AggregateError that has no message. */
function reason(error: Error & { code?: string }): string {
  return error.message || error.code || error.name;
}
