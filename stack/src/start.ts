import { readEnvironment } from '#environment/environment.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startApps } from './apps.js';
import { ensureDemo } from './demo.js';
import { type Environment, environmentSchema } from './environment.js';
import { watchNpm } from './npm-watch.js';
import { portProblem } from './port-check.js';
import { projectRoot } from './project-root.js';
import { Running } from './running.js';
import { provideServices } from './services.js';
import { completeSettings } from './settings.js';
import { usage } from './usage.js';
import { welcome } from './welcome.js';

const say = (line: string) => console.log(line);

process.stdout.on('error', () => {});
process.exitCode = await main();

async function main(): Promise<number> {
  if (process.argv.slice(2).some((argument) => ['--help', '-h'].includes(argument))) {
    say(usage);
    return 0;
  }
  const envFile = join(projectRoot, '.env');
  if (existsSync(envFile)) process.loadEnvFile(envFile);
  const environment = readEnvironment(environmentSchema);

  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  watchNpm(() => stop.abort());
  const running = new Running();
  const over = AbortSignal.any([stop.signal, running.death]);
  try {
    await startEverything(environment, running, over);
    await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
    over.throwIfAborted();
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    const cause = running.death.aborted ? running.death.reason : error;
    console.error(`\n${(cause as Error).message}\n`);
    return 1;
  } finally {
    await running.stop(say);
  }
}

async function startEverything(environment: Environment, running: Running, over: AbortSignal): Promise<void> {
  const { HOST, PORT, PROJECTOR_PORT } = environment;
  const problems = [
    await portProblem('PORT', PORT, HOST),
    PROJECTOR_PORT && (await portProblem('PROJECTOR_PORT', PROJECTOR_PORT, HOST)),
  ].filter(Boolean);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const settings = await completeSettings(environment);
  const services = await provideServices(settings, running, over, say);
  over.throwIfAborted();
  const { apiUrl } = await startApps(settings, services, running, over);
  say(`API and projector run; their logs are in ${join(settings.dataDir, 'logs')}`);
  const demo = await ensureDemo({
    apiUrl,
    natsUrl: services.natsUrl,
    bootstrapServiceKey: settings.bootstrapServiceKey,
    file: join(settings.dataDir, 'demo.json'),
    stop: over,
  });
  say(welcome(apiUrl, demo));
}
