import { decodeEvent } from '#event-log/event-types.js';
import { HEAD_COLUMNS, type Head } from '#event-log/head.js';
import type { Pool } from 'pg';

export type TimedHead = Head & {
  /** PostgreSQL's clock, in milliseconds since 1970. */
  readonly time: number;
};

export const TIMED_HEAD_COLUMNS = `${HEAD_COLUMNS}, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time`;

export interface Revocation {
  readonly revocation: number;
  readonly position: number;
  readonly sessionId: string;
  readonly credentialsExpireAt: string;
}

export interface RevocationsPage {
  readonly head: TimedHead;
  readonly revocations: readonly Revocation[];
}

interface Row extends TimedHead {
  readonly events: readonly {
    readonly revocation: number;
    readonly position: number;
    readonly type: string;
    readonly schema: number;
    readonly data: string;
  }[];
}

/** Head and revocations are of one moment. Not a named statement: its plan has to know the numbers, to go by their index. */
const PAGE = `
  SELECT ${TIMED_HEAD_COLUMNS}, (
    SELECT coalesce(json_agg(page ORDER BY revocation), '[]') FROM (
      SELECT revocation, position, type, schema, data FROM event_log.event
      WHERE revocation > coalesce($1, (SELECT revocations_floor FROM event_log.head)) ORDER BY revocation LIMIT $2
    ) page) AS events
  FROM event_log.head`;

/** Up to `limit` revocations behind number `after`, or else behind the floor, in order and without a gap. */
export async function readRevocationsPage(
  pool: Pool,
  after: number | undefined,
  limit: number,
): Promise<RevocationsPage> {
  const { rows } = await pool.query<Row>(PAGE, [after ?? null, limit]);
  const { events, ...head } = rows[0]!;
  const revocations = events.map(({ revocation, position, ...event }) => {
    const { sessionId, credentialsExpireAt } = decodeEvent(event).data as Pick<
      Revocation,
      'sessionId' | 'credentialsExpireAt'
    >;
    return { revocation, position, sessionId, credentialsExpireAt };
  });
  return { head, revocations };
}
