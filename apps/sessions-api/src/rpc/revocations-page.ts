import { decodeEvent } from '#event-log/event-types.js';
import type { LogIdentity } from '#bus/envelope.js';
import type { Pool } from 'pg';

export interface RevocationsPage extends LogIdentity {
  readonly revocations: readonly {
    readonly revocation: number;
    readonly position: number;
    readonly sessionId: unknown;
    readonly credentialsExpireAt: unknown;
  }[];
}

interface Row extends LogIdentity {
  readonly revocation: number | null;
  readonly position: number;
  readonly type: string;
  readonly schema: number;
  readonly data: string;
}

/** Log and revocations are of one moment. Not a named statement: its plan has to know the numbers, to go by their index. */
const PAGE = `
  SELECT log_id AS "logId", epoch, page.* FROM event_log.head LEFT JOIN (
    SELECT revocation, position, type, schema, data FROM event_log.event
    WHERE revocation > $1 ORDER BY revocation LIMIT $2
  ) page ON true ORDER BY revocation`;

/** Up to `limit` revocations behind number `after`, in order and without a gap. */
export async function readRevocationsPage(
  pool: Pool,
  after: number,
  limit: number,
): Promise<RevocationsPage> {
  const { rows } = await pool.query<Row>(PAGE, [after, limit]);
  const { logId, epoch } = rows[0]!;
  const revocations = rows.flatMap(({ revocation, position, ...event }) => {
    if (revocation === null) return [];
    const { sessionId, credentialsExpireAt } = decodeEvent(event).data;
    return [{ revocation, position, sessionId, credentialsExpireAt }];
  });
  return { logId, epoch, revocations };
}
