import type { Pool } from 'pg';
import { until } from './until.js';

/** Who waits: connections to the pool's database, of one application or any. */
interface Waiting {
  readonly application?: string;
  /** Exactly so many; at least one unless given. */
  readonly count?: number;
}

/** Until they wait for a lock. */
export const untilWaitingForLock = (pool: Pool, { application, count }: Waiting = {}) =>
  until(
    async () => {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
           AND application_name = coalesce($1, application_name)`,
        [application],
      );
      return rowCount!;
    },
    (waiting) => (count === undefined ? waiting > 0 : waiting === count),
  );
