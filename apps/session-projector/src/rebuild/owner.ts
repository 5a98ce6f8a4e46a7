import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError, type Client } from 'pg';
import { createClient } from '#event-log/connection.js';
import { RebuildRefusal } from './rebuild-refusal.js';
import type { Rebuildable } from './rebuildable.js';

const REBUILD_LOCK = 51_600_005;
const PATIENCE_MS = 2_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** A statement of somebody who was killed ends within a second, and a frozen rebuild keeps no lock that others wait for. */
const OPTIONS = '-c client_connection_check_interval=1000 -c idle_in_transaction_session_timeout=5000';

/** The owner's connection, on which one rebuild at a time has a lock for as long as it lives. */
export async function connectOwner(connectionString: string): Promise<Client> {
  const owner = createClient(connectionString, {
    application_name: 'signoff-rebuild',
    options: OPTIONS,
    keepAlive: true,
  });
  await owner.connect();
  try {
    await takeLock(owner);
  } catch (error) {
    await owner.end();
    throw error;
  }
  return owner;
}

async function takeLock(owner: Client): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(100)) {
    const { rows } = await owner.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      REBUILD_LOCK,
    ]);
    if (rows[0]!.locked) return;
    if (performance.now() > deadline) break;
  }
  const { rows } = await owner.query<{ pid: number; since: Date }>(
    `SELECT pid, backend_start AS since FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND objid = $1 AND database = (
       SELECT oid FROM pg_database WHERE datname = current_database())`,
    [REBUILD_LOCK],
  );
  const who = rows[0] ? `, since ${rows[0].since.toISOString()} (PostgreSQL's process ${rows[0].pid})` : '';
  throw new RebuildRefusal('REBUILD_RUNNING', `another rebuild is under way${who}`);
}

/**
 * While `work` runs in a transaction of the owner nobody writes to the table that is read, and its readers go on. Answers
 * false when it could not be locked in time: something else has it, and was not waited for any longer.
 */
export async function whileNobodyProjects(
  owner: Client,
  { table }: Rebuildable,
  work: () => Promise<void>,
): Promise<boolean> {
  await owner.query('BEGIN');
  try {
    // Longer than deadlock_timeout, at which PostgreSQL sends an autovacuum away.
    await owner.query(`SET LOCAL lock_timeout = '1500ms'`);
    await owner.query(`LOCK TABLE read_model.${table} IN EXCLUSIVE MODE`);
    await work();
    await owner.query('COMMIT');
    return true;
  } catch (error) {
    await owner.query('ROLLBACK').catch(() => undefined);
    if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) return false;
    throw error;
  }
}

/** Who reads the table for so long that it cannot be swapped. */
export async function longestReader(owner: Client, { table }: Rebuildable): Promise<string> {
  const { rows } = await owner.query<{ pid: number; name: string; since: Date }>(
    `SELECT pid, application_name AS name, xact_start AS since FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE relation = $1::regclass AND granted ORDER BY xact_start LIMIT 1`,
    [`read_model.${table}`],
  );
  if (!rows[0]) return 'somebody who has ended by now';
  const { pid, name, since } = rows[0];
  return `PostgreSQL's process ${pid} (${name || 'nameless'}, since ${since.toISOString()})`;
}
