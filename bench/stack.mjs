import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { freePort } from '../dist/stack/src/free-port.js';
import { startNatsServer } from '../dist/stack/src/nats-server.js';
import { startPostgres } from '../dist/stack/src/postgres.js';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Room for what is measured to be served from memory, and no checkpoint in the midst of a round. */
const SETTINGS = {
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
};

/** Of the servers that were measured with. */
export const versions = {};

async function readVersions(client, natsUrl) {
  versions.postgres = (await client.query('SHOW server_version')).rows[0].server_version;
  const bus = await connect({ servers: natsUrl });
  versions.natsServer = bus.info.version;
  await bus.close();
}

let shared;
let databases = 0;

const endings = new Set();
process.once('exit', () => endings.forEach((end) => end()));

/** Ends with this process, however that ends. */
export function tie(child) {
  const kill = () => child.kill('SIGKILL');
  endings.add(kill);
  child.once('exit', () => endings.delete(kill));
  return child;
}

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'signoff-bench-'));
  // The account that runs PostgreSQL when we are root has to pass through.
  chmodSync(folder, 0o711);
  endings.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A private PostgreSQL for all parts of a run, each of which gets a migrated database of its own. */
export async function withPostgres(run) {
  const folder = makeFolder();
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), settings: SETTINGS });
  try {
    const env = { ...process.env, ...databaseVariables(postgres.ownerUrl) };
    execFileSync(process.execPath, [join(root, 'dist/apps/sessions-api/src/migrate.js')], { env });
    shared = postgres;
    await run();
  } finally {
    shared = undefined;
    await postgres.stop();
  }
}

/** A migrated database and a private nats-server for as long as `run` takes. */
export async function withStack(run) {
  if (!shared) return withPostgres(() => withStack(run));
  const { ownerUrl: migratedUrl, pid: postgresPid } = shared;
  const folder = makeFolder();
  const database = `part_${++databases}`;
  const ownerUrl = migratedUrl.replace(/[^/]*$/, database);
  const admin = new pg.Client(migratedUrl.replace(/[^/]*$/, 'postgres'));
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database} TEMPLATE signoff`);
  const nats = await startNatsServer({ storeDir: join(folder, 'nats') });
  try {
    await readVersions(admin, nats.url);
    const env = {
      ...process.env,
      ...databaseVariables(ownerUrl),
      NATS_URL: nats.url,
      MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
      LOG_LEVEL: 'error',
    };
    const { DATABASE_URL: databaseUrl } = env;
    await run({ folder, databaseUrl, ownerUrl, postgresPid, natsUrl: nats.url, natsPid: nats.pid, env });
  } finally {
    await nats.stop();
    await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
    await admin.end();
  }
}

const databaseVariables = (ownerUrl) => ({
  MIGRATION_DATABASE_URL: ownerUrl,
  DATABASE_URL: ownerUrl.replace(/\/\/.*@/, '//signoff_app:bench@'),
  DATABASE_POOL: '10',
});

/** A server on a free port, as production runs it, as soon as it answers at `path`. */
export async function startServer(script, env, path) {
  const port = await freePort();
  const child = tie(
    spawn(process.execPath, [join(root, script)], {
      env: { ...env, NODE_ENV: 'production', PORT: String(port), PROJECTOR_PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  for (const giveUpAt = Date.now() + 60_000; ; await sleep(50)) {
    if (child.exitCode !== null || Date.now() > giveUpAt) throw new Error(`${script} did not start`);
    const answer = await fetch(url + path).catch(() => undefined);
    if (answer?.ok) break;
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  return { pid: child.pid, port, url, stop };
}

export const sessionIssued = (sessionId) => ({
  eventId: randomUUID(),
  type: 'SessionIssued',
  schema: 1,
  data: JSON.stringify({
    sessionId,
    issuedAt: '2026-11-24T08:00:00.000Z',
    expiresAt: '2027-01-24T08:00:00.000Z',
  }),
  sealed: null,
  metadata:
    '{"actor":{"type":"service","id":"bench"},"credential":"bench","commandId":"bench","requestId":"bench"}',
});
