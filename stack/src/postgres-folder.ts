import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readlink, rmdir, stat, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { exists } from './exists.js';
import { type Account, canEnter, findAccount, unprivilegedAccount, weAreRoot } from './account.js';

/** Where things go that the unprivileged account must reach when it may not enter the folder of the clone. */
export const reachableFolder = '/var/lib/signoff';

export interface PostgresFolder {
  /** Ours, with the owner's password and the log. */
  readonly path: string;
  /** The cluster itself, owned by the account that runs it. */
  readonly pgdata: string;
  /** Absent when we are not root and run PostgreSQL ourselves. */
  readonly account?: Account;
}

/**
 * Makes the data folder, or finds it again. As root, PostgreSQL runs under another account; where that one may
 * not enter the parent folders, the data lies below `reachableFolder` with a symbolic link in its place.
 */
export async function placePostgresFolder(
  dataDir: string,
  say: (line: string) => void,
): Promise<PostgresFolder> {
  const asked = resolve(dataDir);
  await mkdir(dirname(asked), { recursive: true });
  const moved = await readlink(asked).catch(() => undefined);
  const path = moved ? resolve(dirname(asked), moved) : asked;
  if (moved && !(await exists(path))) {
    throw new Error(
      `${asked} leads to ${path}, which is gone: bring it back, or remove the link to begin anew`,
    );
  }
  const pgdata = join(path, 'pgdata');

  if (!weAreRoot()) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return { path, pgdata };
  }

  const owner = await stat(pgdata).then(
    ({ uid }) => uid,
    () => undefined,
  );
  const account = (owner && (await findAccount(String(owner)))) || (await unprivilegedAccount());
  if (canEnter(account, dirname(path))) {
    await mkdir(path, { recursive: true });
    if (!canEnter(account, path)) await makeEnterable(path);
    if (owner === 0) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, pgdata]);
    return { path, pgdata, account };
  }

  if (owner !== undefined || moved) {
    throw new Error(
      `The account ${account.name}, which runs PostgreSQL, may not enter ${dirname(path)}. Move the data where it ` +
        `may: mkdir -p ${reachableFolder} && mv ${path} ${reachableFolder}/moved && ln -sfn ${reachableFolder}/moved ${asked}`,
    );
  }
  const reachable = await linkToReachable(asked);
  say(`PostgreSQL's account ${account.name} may not enter ${dirname(asked)}: its data lies in ${reachable}`);
  return { path: reachable, pgdata: join(reachable, 'pgdata'), account };
}

/** Whatever our umask is. */
export async function makeEnterable(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
}

/** A new folder each time: only the link leads to it, so that removing `.data` does mean beginning anew. */
async function linkToReachable(asked: string): Promise<string> {
  await makeEnterable(reachableFolder);
  const made = await mkdtemp(join(reachableFolder, 'postgres-data-'));
  await makeEnterable(made);
  await rmdir(asked).catch(() => {});
  try {
    await symlink(made, asked);
    return made;
  } catch (error) {
    await rmdir(made);
    const linkOfAnotherStart = await readlink(asked).catch(() => undefined);
    if (linkOfAnotherStart) return linkOfAnotherStart;
    throw error;
  }
}
