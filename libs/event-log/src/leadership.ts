import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from './connection.js';

const BEAT_MS = 1_000;
const TRY_EVERY_MS = 500;
const SILENCE_MS = 3_000;

/**
 * Runs `lead` in one process at a time, as long as it holds an advisory lock. For economy, not for safety: a leader that
 * was frozen does not know that it was replaced. Its connection has to beat, else PostgreSQL ends it and frees the lock.
 * Returns when `stop` is aborted. `failed` hears why a term ended, or could not begin.
 */
export async function whileLeading(
  connectionString: string,
  lockId: number,
  lead: (lost: AbortSignal) => Promise<void>,
  stop: AbortSignal,
  failed: (error: unknown) => void = () => undefined,
): Promise<void> {
  while (!stop.aborted) {
    try {
      await oneTerm(connectionString, lockId, lead, stop);
    } catch (error) {
      if (!stop.aborted) failed(error);
    }
    await sleep(TRY_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function oneTerm(
  connectionString: string,
  lockId: number,
  lead: (lost: AbortSignal) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  const term = new AbortController();
  const client = createClient(connectionString, {
    application_name: 'signoff-leader',
    options: `-c idle_session_timeout=${SILENCE_MS}`,
    query_timeout: SILENCE_MS,
  });
  const lost = () => term.abort();
  client.on('error', lost).on('end', lost);
  stop.addEventListener('abort', lost, { once: true });
  try {
    await client.connect();
    while (!(await tryLock(client, lockId))) {
      await sleep(TRY_EVERY_MS, undefined, { signal: term.signal });
    }
    const beat = setInterval(() => client.query('SELECT 1').catch(lost), BEAT_MS);
    try {
      await lead(term.signal);
    } finally {
      clearInterval(beat);
    }
  } finally {
    stop.removeEventListener('abort', lost);
    await client.end().catch(() => undefined);
  }
}

async function tryLock(client: ReturnType<typeof createClient>, lockId: number): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    lockId,
  ]);
  return rows[0]!.locked;
}
