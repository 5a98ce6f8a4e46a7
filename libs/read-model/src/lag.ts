import type { Pool } from 'pg';

export interface Lag {
  /** The log's newest position. */
  readonly head: number;
  /** Events that are missing. */
  readonly events: number;
  /** The age of the oldest event that is missing; 0 when none is. */
  readonly seconds: number;
}

/** How far somebody who has everything up to `position` is behind the log. */
export async function lagBehind(pool: Pool, position: number): Promise<Lag> {
  const { rows } = await pool.query<{ head: number; seconds: number }>({
    name: 'lag-behind',
    text: `SELECT position AS head, coalesce(
        (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM event_log.event
          WHERE event.position = $1 + 1), 0) AS seconds
      FROM event_log.head`,
    values: [position],
  });
  const { head, seconds } = rows[0]!;
  return { head, events: head - position, seconds: Math.max(0, seconds) };
}
