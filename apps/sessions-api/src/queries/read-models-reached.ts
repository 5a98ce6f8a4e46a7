import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';

const WAIT_MS = 2_000;
const LOOK_EVERY_MS = 25;

/** Waits a moment for every read model to have applied the event at `position`, and answers whether all have. */
export async function readModelsReached(pool: Pool, position: number): Promise<boolean> {
  const giveUpAt = performance.now() + WAIT_MS;
  for (;;) {
    const { rows } = await pool.query<{ reached: boolean }>({
      name: 'read-models-reached',
      text: `SELECT coalesce(bool_and(checkpoint.position >= $1 AND head.log_id IS NOT NULL), false) AS reached
        FROM read_model.checkpoint LEFT JOIN event_log.head USING (log_id, epoch)`,
      values: [position],
    });
    if (rows[0]!.reached || performance.now() > giveUpAt) return rows[0]!.reached;
    await sleep(LOOK_EVERY_MS);
  }
}
