import type { Pool } from 'pg';
import type { CheckpointPosition } from '#read-model/checkpoint.js';

/** So many rows are gone well within the time that a statement has. */
const AT_ONCE = 50_000;

const AT_CHECKPOINT = 'projection = $1 AND log_id = $2 AND epoch = $3 AND position = $4';

/**
 * Empties a projection's table for another log, whose readers do not go by the checkpoint any more. Answers whether that
 * stood at `from` all the while, so that it was done.
 */
export async function startAgain(
  pool: Pool,
  { projection, table }: { readonly projection: string; readonly table: string },
  from: CheckpointPosition,
  to: CheckpointPosition,
): Promise<boolean> {
  const old = [projection, from.logId, from.epoch, from.position];
  const rowsToEmpty = `DELETE FROM read_model.${table}
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM read_model.${table} LIMIT ${AT_ONCE}))`;
  for (;;) {
    // Nobody moves the checkpoint meanwhile, and so nobody writes rows.
    const { rows } = await pool.query<{ emptied: number }>(
      `WITH held AS MATERIALIZED (
         SELECT 1 FROM read_model.checkpoint WHERE ${AT_CHECKPOINT} FOR UPDATE
       ), emptied AS (
         ${rowsToEmpty} AND EXISTS (SELECT FROM held) RETURNING 1
       )
       SELECT count(*) AS emptied FROM emptied`,
      old,
    );
    if (rows[0]!.emptied === 0) break;
  }
  const { rowCount } = await pool.query(
    `UPDATE read_model.checkpoint SET log_id = $5, epoch = $6, position = $7, hash = $8 WHERE ${AT_CHECKPOINT}`,
    [...old, to.logId, to.epoch, to.position, to.hash],
  );
  return rowCount === 1;
}
