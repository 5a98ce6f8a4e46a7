import type { Pool } from 'pg';
import type { Head } from '#event-log/head.js';
import { hashAt } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';

/** Why a set of tables is not the fold of a beginning of this log. */
export interface CheckpointFault {
  readonly code: 'OF_ANOTHER_LOG' | 'CHECKPOINT_AHEAD_OF_LOG' | 'CHECKPOINT_DIFFERS_FROM_LOG';
  readonly reason: string;
}

/** `head` has to be read after the checkpoint was: a log that is then behind it has lost something. */
export async function checkpointFault(
  pool: Pool,
  { logId, epoch, position, hash }: CheckpointPosition,
  head: Head,
): Promise<CheckpointFault | null> {
  if (logId !== head.logId || epoch !== head.epoch) {
    const reason = `it was built from epoch ${epoch} of log ${logId}, this is epoch ${head.epoch} of ${head.logId}`;
    return { code: 'OF_ANOTHER_LOG', reason };
  }
  if (position > head.position) {
    const reason = `the log ends at ${head.position}, the read model has ${position} events`;
    return { code: 'CHECKPOINT_AHEAD_OF_LOG', reason };
  }
  if (position > 0 && !(await hashAt(pool, position))?.equals(hash)) {
    const reason = 'the log has another event here than was applied';
    return { code: 'CHECKPOINT_DIFFERS_FROM_LOG', reason };
  }
  return null;
}
