import type { Instant } from '#domain/instant.js';
import type { Pool } from 'pg';
import { merged } from './merged.js';
import { STREAM_ROW } from './stream-row.js';

export interface StreamLook {
  /** Of the stream's newest event; 0 where there is none. */
  readonly version: number;
  /** The stream's row (`STREAM_ROW`) at that version; null at 0. */
  readonly row: string | null;
  /** PostgreSQL's time of the look. */
  readonly now: Instant;
}

/** Looks where a stream is, after it was asked. Whoever looks through the same one shares statements. */
export type LookAtStream = (streamId: string) => Promise<StreamLook>;

export const lookAtStreams = (pool: Pool): LookAtStream =>
  merged(async (streamIds) => {
    const { rows } = await pool.query<{ version: number; row: string | null; now: number }>({
      name: 'log-look',
      text: `SELECT coalesce(stream.version, 0) AS version, ${STREAM_ROW} AS row,
          (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
        FROM unnest((SELECT $1::text[])) WITH ORDINALITY AS asked (stream_id, place)
        LEFT JOIN event_log.stream USING (stream_id) ORDER BY place`,
      values: [streamIds],
    });
    const now = new Date(rows[0]!.now).toISOString();
    return rows.map(({ version, row }) => ({ version, row, now }));
  });
