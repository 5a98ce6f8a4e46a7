import type { Head } from '#event-log/head.js';
import type { Pool } from 'pg';
import { EpochRefusal } from './epoch-refusal.js';

/** Under the head's lock, in one statement: nothing is appended half in one epoch and half in the other. */
const BEGIN = `
  UPDATE event_log.head SET epoch = $1 WHERE log_id = $2 AND epoch = $3 RETURNING position`;

/** Only from the epoch that was found. Answers the position at which the new one began. */
export async function beginEpoch(
  pool: Pool,
  { logId, epoch: from }: Pick<Head, 'logId' | 'epoch'>,
  to: number,
): Promise<number> {
  const { rows } = await pool.query<{ position: number }>(BEGIN, [to, logId, from]);
  if (rows[0]) return rows[0].position;
  throw new EpochRefusal(
    'EPOCH_CHANGED',
    `the log is no longer ${logId} in epoch ${from}: somebody else was here; nothing was changed`,
  );
}
