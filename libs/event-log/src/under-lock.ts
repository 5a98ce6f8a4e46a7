import type { ClientBase, Pool } from 'pg';

/** In one transaction, one at a time over all processes for each `lock`: what `work` reads holds until it has committed. */
export async function underLock<Result>(
  pool: Pool,
  lock: number,
  work: (client: ClientBase) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    // A process that is stopped in the midst of it must keep nobody waiting.
    await client.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL lock_timeout = '3s'`,
    );
    // A statement of its own: one that waits for the lock would not see what was committed while it waited.
    await client.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // Closing the connection ends the transaction, whatever state it is in.
    client.release(true);
    throw error;
  }
}
