import { parseArgs } from 'node:util';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { createPool } from '#event-log/connection.js';
import { masterKeyFrom } from '#event-log/master-key.js';
import { readEnvironment } from '#environment/environment.js';
import { rebuildSchema } from './config.js';
import { ProjectionStop } from './projection-stop.js';
import { connectOwner } from './rebuild/owner.js';
import { rebuild } from './rebuild/rebuild.js';
import { REBUILDABLE, type Rebuildable } from './rebuild/rebuildable.js';
import { RebuildRefusal } from './rebuild/rebuild-refusal.js';
import { usage } from './rebuild/usage.js';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** A statement that takes long is not waited for: the next rebuild clears away what this one leaves. */
const STOP_WITHIN_MS = 3_000;

const say = (line: string) => console.log(line);

function asked(): { readonly help: boolean; readonly of: Rebuildable } {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  });
  const [name = SESSIONS_PROJECTION, ...more] = positionals;
  if (!Object.hasOwn(REBUILDABLE, name) || more.length > 0) {
    throw new Error(`"${positionals.join(' ')}" cannot be rebuilt`);
  }
  return { help: values.help, of: REBUILDABLE[name]! };
}

async function run(of: Rebuildable, stop: AbortSignal): Promise<void> {
  const environment = readEnvironment(rebuildSchema);
  const { DATABASE_URL, MIGRATION_DATABASE_URL } = environment;
  const owner = await connectOwner(MIGRATION_DATABASE_URL);
  const pool = createPool(DATABASE_URL, {
    application_name: 'signoff-rebuild',
    max: 3,
    keepAlive: true,
    options: '-c client_connection_check_interval=1000',
  });
  try {
    const role = decodeURIComponent(new URL(DATABASE_URL).username);
    await rebuild({ of, owner, pool, role, masterKey: masterKeyFrom(environment), stop, say });
  } finally {
    await Promise.all([pool.end(), owner.end()]);
  }
}

function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.exitCode = EXIT_CODES[signal];
      stop.abort();
      setTimeout(() => {
        report(new RebuildRefusal('STOPPED', 'nothing has changed for readers'));
        process.exit();
      }, STOP_WITHIN_MS).unref();
    });
  }
  return stop.signal;
}

function report(error: Error): void {
  process.exitCode ??= 1;
  const isNamed = error instanceof RebuildRefusal || error instanceof ProjectionStop;
  console.error(isNamed ? `${error.code}: ${error.message}` : `failed: ${error.message}`);
  console.error('It can be started again.');
}

try {
  const { help, of } = asked();
  if (help) say(usage);
  else await run(of, stopOnSignals()).then(() => (process.exitCode = 0), report);
} catch (error) {
  console.error(`${(error as Error).message}; --help tells more`);
  process.exitCode = 2;
}
