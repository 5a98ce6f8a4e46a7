import type { MasterKey } from '#event-log/master-key.js';
import type { Pool } from 'pg';

/** Wherever a key is wrapped by the master key, for its own id. */
export const PLACES = [
  { table: 'event_log.subject_key', id: 'key_id', type: 'uuid' },
  { table: 'access.signing_key', id: 'kid', type: 'text' },
  { table: 'event_log.checkpoint_key', id: 'key_id', type: 'text' },
] as const;

export type Place = (typeof PLACES)[number];

export interface WrappedKey {
  readonly id: string;
  readonly wrapped: Buffer;
  readonly masterKeyId: string;
}

/** How many keys each master key wraps: reads them all. Destroyed keys are no keys. */
export async function countByMasterKey(pool: Pool, { table }: Place): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ masterKeyId: string; count: number }>(
    `SELECT master_key_id AS "masterKeyId", count(*) FROM ${table} WHERE wrapped_key IS NOT NULL GROUP BY 1`,
  );
  return new Map(rows.map(({ masterKeyId, count }) => [masterKeyId, count]));
}

/** The next keys behind `after`, in the order of their ids, that another master key than `masterKeyId` wraps. */
export async function readOthers(
  pool: Pool,
  { table, id, type }: Place,
  masterKeyId: string,
  after: string | null,
  limit: number,
): Promise<WrappedKey[]> {
  const { rows } = await pool.query<WrappedKey>(
    `SELECT ${id}::text AS id, wrapped_key AS wrapped, master_key_id AS "masterKeyId" FROM ${table}
     WHERE ($1::${type} IS NULL OR ${id} > $1) AND wrapped_key IS NOT NULL AND master_key_id <> $2
     ORDER BY ${id} LIMIT $3`,
    [after, masterKeyId, limit],
  );
  return rows;
}

/** Puts what `to` wrapped in place of what was read, but only there: a key that was destroyed meanwhile stays destroyed. */
export async function replaceWrapped(
  pool: Pool,
  { table, id, type }: Place,
  to: MasterKey,
  keys: readonly { readonly id: string; readonly was: Buffer; readonly wrapped: Buffer }[],
): Promise<number> {
  const { rowCount } = await pool.query(
    `UPDATE ${table} AS k SET wrapped_key = n.wrapped, master_key_id = $4
     FROM unnest($1::${type}[], $2::bytea[], $3::bytea[]) AS n (id, was, wrapped)
     WHERE k.${id} = n.id AND k.wrapped_key = n.was`,
    [keys.map(({ id }) => id), keys.map(({ was }) => was), keys.map(({ wrapped }) => wrapped), to.id],
  );
  return rowCount ?? 0;
}
