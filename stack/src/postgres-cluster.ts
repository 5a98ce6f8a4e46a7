import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exists } from './exists.js';
import type { PostgresFolder } from './postgres-folder.js';
import { ownerRole } from './postgres-ready.js';

/** Runs initdb unless the cluster exists; the cluster appears whole or not at all. */
export async function initialiseCluster(
  binDir: string,
  { path, pgdata, account }: PostgresFolder,
  ownerPassword: string,
): Promise<void> {
  if (await exists(pgdata)) return;

  const draft = await mkdtemp(join(path, 'draft-'));
  const cluster = join(draft, 'pgdata');
  const passwordFile = join(draft, 'password');
  try {
    await writeFile(passwordFile, ownerPassword, { mode: 0o600 });
    await mkdir(cluster, { mode: 0o700 });
    if (account) {
      for (const owned of [draft, cluster, passwordFile]) await chown(owned, account.uid, account.gid);
    }
    const args = ['-D', cluster, '-U', ownerRole, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    await promisify(execFile)(
      join(binDir, 'initdb'),
      [...args, '--encoding=UTF8', '--locale=C', '--data-checksums'],
      {
        cwd: '/',
        env: { LC_ALL: 'C', PATH: process.env.PATH },
        ...(account && { uid: account.uid, gid: account.gid }),
      },
    ).catch((error: Error & { stderr?: string }) => {
      throw new Error(`initdb failed:\n${error.stderr ?? error.message}`, { cause: error });
    });
    await rename(cluster, pgdata).catch(async (error: unknown) => {
      if (!(await exists(pgdata))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
