import type { Instant } from '#domain/instant.js';
import { AUDIT_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';

export interface AuditFilter {
  readonly accountId?: string | undefined;
  readonly session?: string | undefined;
  readonly type?: string | undefined;
  /** Account or API key. */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** In canonical form. */
  readonly ipAddress?: string | undefined;
  /** Inclusive. */
  readonly from?: Instant | undefined;
  /** Exclusive. */
  readonly to?: Instant | undefined;
}

export interface AuditPositions {
  /** Newest first. */
  readonly positions: readonly number[];
  /** Where the projection stands; 0 when it is of another log than the present one, or has not begun. */
  readonly asOf: { readonly position: number; readonly time: string | null };
  readonly head: number;
}

type Condition = (parameter: string) => string;

/** Times never go back along positions: a span of time is one of positions. */
const CONDITIONS: Readonly<Record<keyof AuditFilter, Condition>> = {
  accountId: (value) => `account_id = ${value}`,
  session: (value) => `session_id = ${value}`,
  type: (value) => `type = ${value}`,
  actor: (value) => `actor_id = ${value}`,
  reason: (value) => `reason = ${value}`,
  // Whoever has erased it finds nothing by it, also before the projector has heard of that.
  ipAddress: (value) => `ip_address = ${value} AND EXISTS (
      SELECT FROM event_log.subject_key WHERE key_id = subject_key_id AND wrapped_key IS NOT NULL)`,
  from: (value) => `position >= (SELECT position FROM read_model.audit_entry WHERE recorded_at >= ${value}
      ORDER BY recorded_at, position LIMIT 1)`,
  to: (value) => `position <= (SELECT position FROM read_model.audit_entry WHERE recorded_at < ${value}
      ORDER BY recorded_at DESC, position DESC LIMIT 1)`,
};

/** Up to `limit` positions before `before`. Not a named statement: its plan has to know what is asked for. */
export async function auditPositions(
  pool: Pool,
  filter: AuditFilter,
  before: number,
  limit: number,
): Promise<AuditPositions> {
  const values: unknown[] = [AUDIT_PROJECTION, before === Infinity ? null : before, limit];
  const conditions = conditionsOf(filter, values);
  const { rows } = await pool.query<{
    position: number | null;
    time: Date | null;
    head: number;
    positions: number[] | null;
  }>(
    `WITH at AS (
       SELECT checkpoint.position, event.recorded_at FROM read_model.checkpoint
       JOIN event_log.head USING (log_id, epoch)
       JOIN event_log.event ON event.position = checkpoint.position AND event.hash = checkpoint.hash
       WHERE projection = $1
     ), page AS (
       SELECT position FROM read_model.audit_entry
       WHERE ${['position <= least((SELECT position FROM at), $2::bigint - 1)', ...conditions].join('\n         AND ')}
         AND EXISTS (SELECT FROM at)
       ORDER BY position DESC LIMIT $3
     )
     SELECT (SELECT position FROM at) AS position, (SELECT recorded_at FROM at) AS time,
       (SELECT position FROM event_log.head) AS head,
       (SELECT json_agg(position ORDER BY position DESC) FROM page) AS positions`,
    values,
  );
  const { position, time, head, positions } = rows[0]!;
  return {
    positions: positions ?? [],
    asOf: { position: position ?? 0, time: time?.toISOString() ?? null },
    head,
  };
}

/** Up to `limit` positions behind `after`, up to `last`, oldest first. */
export async function auditPositionsBehind(
  pool: Pool,
  filter: AuditFilter,
  after: number,
  last: number,
  limit: number,
): Promise<number[]> {
  const values: unknown[] = [after, last, limit];
  const conditions = ['position > $1', 'position <= $2', ...conditionsOf(filter, values)];
  const { rows } = await pool.query<{ position: number }>(
    `SELECT position FROM read_model.audit_entry WHERE ${conditions.join(' AND ')} ORDER BY position LIMIT $3`,
    values,
  );
  return rows.map(({ position }) => position);
}

function conditionsOf(filter: AuditFilter, values: unknown[]): string[] {
  return Object.entries(filter).flatMap(([name, value]) =>
    value === undefined ? [] : [CONDITIONS[name as keyof AuditFilter](`$${values.push(value)}`)],
  );
}
