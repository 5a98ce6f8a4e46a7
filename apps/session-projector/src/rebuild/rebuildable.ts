import type { Pool } from 'pg';
import { leaveOutActivity } from '#read-model/activity.js';
import { AUDIT_PROJECTION, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { AUDIT_TABLE } from '../projections/audit-table.js';
import type { ProjectedTable } from '../projections/projected-tables.js';
import { SESSIONS_TABLE } from '../projections/sessions-table.js';

export interface Rebuildable extends ProjectedTable<unknown> {
  /** For people. */
  readonly readers: string;
  /** What is left to do when the new tables are read; `missed`: the old ones may have lacked rows. */
  readonly swapped: (pool: Pool, missed: boolean) => Promise<void>;
}

/** By the name that the operator gives. */
export const REBUILDABLE: Readonly<Record<string, Rebuildable>> = {
  [SESSIONS_PROJECTION]: {
    ...SESSIONS_TABLE,
    readers: 'lists',
    async swapped(pool, missed) {
      // The projector leaves out the use of a session that it does not find.
      if (missed) await leaveOutActivity(pool);
      await pool.query(
        `DELETE FROM read_model.activity WHERE NOT EXISTS (
           SELECT FROM read_model.session WHERE session.session_id = activity.session_id)`,
      );
    },
  },
  [AUDIT_PROJECTION]: { ...AUDIT_TABLE, readers: 'audit queries', swapped: () => Promise.resolve() },
};
