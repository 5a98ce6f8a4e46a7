import type { Pool, PoolClient } from 'pg';

/** Numbers of sessions, at one position of the log. */
export interface Comparison {
  readonly onlyOld: number;
  readonly onlyNew: number;
  readonly different: number;
}

const COMPARE = `
  SELECT count(*) FILTER (WHERE next.session_id IS NULL) AS "onlyOld",
    count(*) FILTER (WHERE old.session_id IS NULL) AS "onlyNew",
    count(*) FILTER (WHERE old.session_id = next.session_id AND old IS DISTINCT FROM next) AS different
  FROM read_model.session AS old FULL JOIN read_model_next.session AS next ON next.session_id = old.session_id`;

/** Both sets as they are at this moment, to be compared at leisure: nobody is held up by it. */
export async function snapshotOfBoth(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query('SELECT FROM read_model.session LIMIT 0');
  return client;
}

export async function compareSets(snapshot: PoolClient): Promise<Comparison> {
  const { rows } = await snapshot.query<Comparison>(COMPARE);
  await snapshot.query('COMMIT');
  return rows[0]!;
}
