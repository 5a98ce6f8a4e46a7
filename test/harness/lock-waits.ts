import type { Pool } from 'pg';
import { until } from './until.js';

/** Until so many of those who are connected to the pool's database, as an application by name or any, wait for a lock. */
export const untilWaitingForLock = (pool: Pool, application: string | null = null, count = 1) =>
  until(
    async () => {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
           AND application_name = coalesce($1, application_name)`,
        [application],
      );
      return rowCount!;
    },
    (waiting) => waiting >= count,
  );
