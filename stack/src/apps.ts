import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, describeExit, startChild } from './child.js';
import { freePort, listenError } from './free-port.js';
import { projectRoot } from './project-root.js';
import type { Running } from './running.js';
import type { Services } from './services.js';
import type { Settings } from './settings.js';

const readyWithin = 90_000;

export interface Apps {
  readonly apiUrl: string;
}

/** Migrates, then starts API and projector as processes of their own; resolves when both are ready. */
export async function startApps(
  settings: Settings,
  services: Services,
  running: Running,
  stop: AbortSignal,
): Promise<Apps> {
  const variables = await variablesOf(settings, services);
  await migrate(settings, { ...variables, MIGRATION_DATABASE_URL: services.migrationDatabaseUrl }, stop);

  const projector = await startApp(settings, 'session-projector', 'main', variables);
  running.add('session-projector', projector);
  const api = await startApp(settings, 'sessions-api', 'main', variables);
  running.add('sessions-api', api);

  const host = reachableHost(settings.HOST);
  const apiUrl = `http://${host}:${variables.PORT}`;
  await Promise.all([
    waitUntilReady('sessions-api', `${apiUrl}/health/ready`, stop),
    waitUntilReady('session-projector', `http://${host}:${variables.PROJECTOR_PORT}/health/ready`, stop),
  ]);
  return { apiUrl };
}

function reachableHost(host: string): string {
  if (['0.0.0.0', '::'].includes(host)) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

async function variablesOf(settings: Settings, services: Services): Promise<NodeJS.ProcessEnv> {
  const port = settings.PORT || (await freePort());
  return {
    ...process.env,
    NODE_ENV: settings.NODE_ENV,
    HOST: settings.HOST,
    PORT: String(port),
    PROJECTOR_PORT: String(settings.PROJECTOR_PORT || (await freePortAfter(port, settings.HOST))),
    DATA_DIR: settings.dataDir,
    DATABASE_URL: services.databaseUrl,
    MIGRATION_DATABASE_URL: undefined,
    NATS_URL: services.natsUrl,
    MASTER_KEY: settings.masterKey,
    BOOTSTRAP_SERVICE_KEY: settings.bootstrapServiceKey,
    ISSUER: settings.ISSUER,
  };
}

/** The next port rather than a fixed one: two starts at once, which differ in PORT, do not race for it. */
async function freePortAfter(port: number, host: string): Promise<number> {
  const next = port + 1;
  return (await listenError(next, host)) === undefined ? next : freePort();
}

async function migrate(settings: Settings, variables: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const child = await startApp(settings, 'sessions-api', 'migrate', variables);
  stop.addEventListener('abort', () => void child.stop());
  const exit = await child.exited;
  stop.throwIfAborted();
  if (exit.code !== 0) throw new Error(`The migration ${describeExit(exit)}:\n${await child.logTail()}`);
}

async function startApp(
  settings: Settings,
  app: string,
  entry: 'main' | 'migrate',
  variables: NodeJS.ProcessEnv,
): Promise<Child> {
  const name = entry === 'main' ? app : entry;
  const logFile = join(settings.dataDir, 'logs', `${name}.log`);
  await rename(logFile, join(settings.dataDir, 'logs', `${name}.previous.log`)).catch(() => {});
  return startChild({
    command: process.execPath,
    args: ['--enable-source-maps', join(projectRoot, 'dist', 'apps', app, 'src', `${entry}.js`)],
    env: variables,
    cwd: projectRoot,
    logFile,
    stopSignals: [['SIGTERM', 15_000]],
  });
}

async function waitUntilReady(name: string, url: string, stop: AbortSignal): Promise<void> {
  const giveUpAt = Date.now() + readyWithin;
  let answer = 'no answer';
  while (Date.now() < giveUpAt) {
    stop.throwIfAborted();
    try {
      const response = await fetch(url, { signal: AbortSignal.any([stop, AbortSignal.timeout(5_000)]) });
      if (response.ok) return;
      answer = `${response.status} ${await response.text()}`;
    } catch {
      stop.throwIfAborted();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} is not ready after ${readyWithin / 1000} seconds; ${url}: ${answer}`);
}
