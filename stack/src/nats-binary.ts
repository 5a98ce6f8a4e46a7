import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { weAreRoot } from './account.js';

const run = promisify(execFile);

/** The path of `nats-server`: from `NATS_SERVER`, the PATH or /usr/sbin, else installed by apt-get where there is one. */
export async function findNatsServer(say: (line: string) => void): Promise<string> {
  const named = process.env.NATS_SERVER;
  if (named) {
    if (await isExecutable(named)) return named;
    throw new Error(`NATS_SERVER names ${named}, which is not an executable file`);
  }
  const found = await look();
  if (found) return found;

  const prefix = await privilegePrefix();
  if (!prefix || !(await isExecutable('/usr/bin/apt-get'))) throw new Error(howToInstall());
  say('nats-server is missing: installing it with apt-get');
  await aptInstall(prefix);
  const installed = await look();
  if (!installed) throw new Error(howToInstall());
  return installed;
}

async function look(): Promise<string | undefined> {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  // An ordinary user's PATH lacks /usr/sbin, where Debian puts it.
  for (const folder of [...path, '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin']) {
    const file = join(folder, 'nats-server');
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

/** How to become root without being asked for a password; undefined when that is impossible. */
async function privilegePrefix(): Promise<string[] | undefined> {
  if (weAreRoot()) return [];
  return run('sudo', ['-n', 'true']).then(
    () => ['sudo', '-n'],
    () => undefined,
  );
}

async function aptInstall(prefix: string[]): Promise<void> {
  // SYSTEMD_OFFLINE keeps the package from starting a server of its own.
  const variables = ['env', 'DEBIAN_FRONTEND=noninteractive', 'SYSTEMD_OFFLINE=1'];
  const aptGet = [...variables, 'apt-get', '-y', '-o', 'DPkg::Lock::Timeout=100'];
  const install = ['install', '--no-install-recommends', 'nats-server'];
  const [command, ...args] = [...prefix, ...aptGet];
  // A source that cannot be reached fails the update; what is known of the others may still do.
  const updated = await run(command!, [...args, 'update']).catch((error: unknown) => error as Error);
  await run(command!, [...args, ...install]).catch((error: { stderr?: string }) => {
    const why = [updated instanceof Error ? updated.message : '', error.stderr ?? ''].join('\n').trim();
    throw new Error(`${howToInstall()}\napt-get said:\n${why}`, { cause: error });
  });
}

function howToInstall(): string {
  const command =
    process.platform === 'darwin'
      ? 'brew install nats-server'
      : 'sudo apt-get update && sudo apt-get install -y nats-server';
  const elsewhere = 'or name a binary from https://github.com/nats-io/nats-server/releases in NATS_SERVER';
  return `nats-server is missing. Install it with: ${command} (${elsewhere})`;
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
