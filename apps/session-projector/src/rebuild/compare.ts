import type { Pool, PoolClient } from 'pg';
import type { Rebuildable } from './rebuildable.js';

/** Numbers of rows, at one position of the log. */
export interface Comparison {
  readonly onlyOld: number;
  readonly onlyNew: number;
  readonly different: number;
}

const compare = ({ table, key }: Rebuildable) => `
  SELECT count(*) FILTER (WHERE next.${key} IS NULL) AS "onlyOld",
    count(*) FILTER (WHERE old.${key} IS NULL) AS "onlyNew",
    count(*) FILTER (WHERE old.${key} = next.${key} AND old IS DISTINCT FROM next) AS different
  FROM read_model.${table} AS old FULL JOIN read_model_next.${table} AS next ON next.${key} = old.${key}`;

/** Both sets as they are at this moment, to be compared at leisure: nobody is held up by it. */
export async function snapshotOfBoth(pool: Pool, { table }: Rebuildable): Promise<PoolClient> {
  const client = await pool.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query(`SELECT FROM read_model.${table} LIMIT 0`);
  return client;
}

export async function compareSets(snapshot: PoolClient, of: Rebuildable): Promise<Comparison> {
  const { rows } = await snapshot.query<Comparison>(compare(of));
  await snapshot.query('COMMIT');
  return rows[0]!;
}
