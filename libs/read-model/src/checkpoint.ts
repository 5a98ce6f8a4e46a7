import type { LogIdentity } from '#bus/envelope.js';
import type { Pool } from 'pg';

export interface CheckpointPosition extends LogIdentity {
  readonly position: number;
  readonly hash: Buffer;
}

/** How far a projection has come; undefined before its first event. */
export async function readCheckpoint(
  pool: Pool,
  projection: string,
): Promise<CheckpointPosition | undefined> {
  const { rows } = await pool.query<CheckpointPosition>({
    name: 'checkpoint',
    text: `SELECT log_id AS "logId", epoch, position, hash FROM read_model.checkpoint WHERE projection = $1`,
    values: [projection],
  });
  return rows[0];
}
