import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startNatsServer } from '../dist/stack/src/nats-server.js';
import { startPostgres } from '../dist/stack/src/postgres.js';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Private PostgreSQL and nats-server, migrated, for as long as `run` takes. */
export async function withStack(run) {
  const folder = mkdtempSync(join(tmpdir(), 'signoff-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
  const nats = await startNatsServer({ storeDir: join(folder, 'nats') });
  const databaseUrl = postgres.ownerUrl.replace(/\/\/.*@/, '//signoff_app:bench@');
  const env = {
    ...process.env,
    MIGRATION_DATABASE_URL: postgres.ownerUrl,
    DATABASE_URL: databaseUrl,
    NATS_URL: nats.url,
    MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
    LOG_LEVEL: 'error',
  };
  try {
    execFileSync('node', [join(root, 'dist/apps/sessions-api/src/migrate.js')], { env });
    console.log(`${cpus().length} cores, Node ${process.version}`);
    await run({ databaseUrl, ownerUrl: postgres.ownerUrl, natsUrl: nats.url, natsPid: nats.pid, env });
  } finally {
    await nats.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One of our processes, on a free port, as soon as it says that it is `ready`. */
export async function startProcess(app, env, ready) {
  const child = spawn('node', [join(root, 'dist/apps', app, 'src/main.js')], {
    env: { ...env, PORT: '0', PROJECTOR_PORT: '0', LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface(child.stdout)) {
    const { msg, url } = JSON.parse(line);
    if (msg !== ready) continue;
    child.stdout.resume();
    const stop = async () => {
      child.kill('SIGTERM');
      await exited;
    };
    return { pid: child.pid, url, stop };
  }
  throw new Error(`${app} did not start`);
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

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

export const summary = (numbers) =>
  `median ${Math.round(median(numbers))}, min ${Math.round(Math.min(...numbers))}, max ${Math.round(Math.max(...numbers))}`;
