import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export function weAreRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The account that runs PostgreSQL when we are root, which PostgreSQL refuses to run as. */
export async function unprivilegedAccount(): Promise<Account> {
  const existing = await findAccount('signoff');
  if (existing) return existing;
  // Of two starts at once one is refused (the name exists, or the password file is locked): look again.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/', '--shell', '/bin/false'];
    const missing = await run('useradd', [...args, 'signoff']).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT' || error.code === 'EACCES',
    );
    const made = await findAccount('signoff');
    if (made) return made;
    if (missing) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const nobody = await findAccount('nobody');
  if (nobody) return nobody;
  throw new Error(
    'PostgreSQL refuses to run as root, and there is no unprivileged account: useradd --system signoff',
  );
}

export async function findAccount(nameOrId: string): Promise<Account | undefined> {
  try {
    const [uid, gid, name] = await Promise.all(
      ['-u', '-g', '-un'].map(async (flag) => (await run('id', [flag, '--', nameOrId])).stdout.trim()),
    );
    return { name: name!, uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}

/** Whether `command` succeeds when that account (or, without one, our own) runs it. */
export function succeedsAs(account: Account | undefined, command: string, args: readonly string[]): boolean {
  const { error, status } = spawnSync(command, args, {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: 'ignore',
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  if (error && (error as NodeJS.ErrnoException).code === 'EPERM' && account) {
    throw new Error(`This process may not start another as the account ${account.name}`, { cause: error });
  }
  return status === 0;
}

export function canEnter(account: Account, folder: string): boolean {
  return succeedsAs(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder]);
}
