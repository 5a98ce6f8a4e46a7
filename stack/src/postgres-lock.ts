import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Above Linux's largest process id. */
const nobodysPid = '4194305';

export interface LockHolder {
  readonly pid: number;
  readonly stopping: boolean;
}

/** Who holds the cluster, by its `postmaster.pid`. */
export async function lockHolder(pgdata: string): Promise<LockHolder | undefined> {
  const lines = (await readLock(pgdata)).split('\n');
  const pid = Number(lines[0]);
  return pid > 0 ? { pid, stopping: lines[7]?.trim() === 'stopping' } : undefined;
}

/**
 * PostgreSQL takes its lock for held while any process of its account has the number in it: a zombie that a
 * container without an init never reaps, or a stranger after the numbers began again. The number is replaced
 * rather than the file removed, because by the rest of it PostgreSQL still finds backends that live on.
 */
export async function releaseStaleLock(pgdata: string): Promise<void> {
  const holder = await lockHolder(pgdata);
  if (!holder) return;
  const stat = await readFile(`/proc/${holder.pid}/stat`, 'utf8').catch(() => undefined);
  const [, command, state] = /^\d+ \((.*)\) (\S)/s.exec(stat ?? '') ?? [];
  if (state === undefined || (command === 'postgres' && state !== 'Z')) return;
  const lock = await readLock(pgdata);
  await writeFile(lockFile(pgdata), lock.replace(/^\d+/, nobodysPid), { flag: 'r+' });
}

function readLock(pgdata: string): Promise<string> {
  return readFile(lockFile(pgdata), 'utf8').catch(() => '');
}

function lockFile(pgdata: string): string {
  return join(pgdata, 'postmaster.pid');
}
