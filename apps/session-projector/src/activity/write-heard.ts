import type { Pool } from 'pg';
import type { Reached } from './stream-reading.js';

/** Goes on from what was heard before, whoever heard it, unless there is a gap between: then it begins anew. */
export async function writeHeard(pool: Pool, { streamCreated, from, to, askedAt }: Reached): Promise<void> {
  await pool.query({
    name: 'projector-write-heard',
    text: `
      INSERT INTO read_model.activity_heard AS before (since, at, stream_created, sequence)
      SELECT at, at, $1, $3 FROM (SELECT clock_timestamp() - $4 * interval '1 millisecond' AS at) AS asked
      ON CONFLICT (single) DO UPDATE SET
        since = CASE
          WHEN before.stream_created = excluded.stream_created AND before.sequence BETWEEN $2 - 1 AND $3
          THEN before.since ELSE greatest(before.since, excluded.since) END,
        at = greatest(before.at, excluded.at),
        stream_created = excluded.stream_created,
        sequence = excluded.sequence`,
    values: [streamCreated, from, to, performance.now() - askedAt],
  });
}
