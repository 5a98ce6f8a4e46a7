import { accountIdOf } from '#event-log/account-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import type { Pool } from 'pg';

/** An event by what it is searched for: `read_model.audit_entry`, except for what is sealed. */
export interface AuditColumns {
  readonly position: number;
  readonly recordedAt: Date;
  readonly type: string;
  readonly accountId: string | null;
  readonly sessionId: string | null;
  readonly actorType: string | null;
  readonly actorId: string | null;
  readonly credential: string | null;
  readonly reason: string | null;
}

export type AuditedEvent = Pick<
  RecordedEvent,
  'position' | 'recordedAt' | 'type' | 'streamId' | 'metadata'
> & {
  readonly data: Readonly<Record<string, unknown>>;
};

export async function auditColumns(pool: Pool, events: readonly AuditedEvent[]): Promise<AuditColumns[]> {
  const accounts = await accountsOfKeys(pool, events);
  return events.map((event) => {
    const { position, recordedAt, type, streamId, data } = event;
    const { actor, credential } = JSON.parse(event.metadata) as {
      actor?: Readonly<Record<string, unknown>>;
      credential?: unknown;
    };
    return {
      position,
      recordedAt: new Date(recordedAt),
      type,
      accountId: accountIdOf(streamId) ?? accounts.get(streamId) ?? null,
      sessionId: textOrNull(data.sessionId),
      actorType: textOrNull(actor?.type),
      actorId: textOrNull(actor?.id),
      credential: textOrNull(credential),
      reason: textOrNull(data.reason),
    };
  });
}

/** By stream: only its first event names the account of an API key. */
async function accountsOfKeys(pool: Pool, events: readonly AuditedEvent[]): Promise<Map<string, string>> {
  const streams = events.map(({ streamId }) => streamId).filter((streamId) => streamId.startsWith('key-'));
  if (streams.length === 0) return new Map();
  const { rows } = await pool.query<{ streamId: string; data: string }>({
    name: 'audit-keys-created',
    text: `SELECT stream_id AS "streamId", data FROM event_log.event
      WHERE stream_id = ANY($1) AND version = 1 AND type = 'ApiKeyCreated'`,
    values: [[...new Set(streams)]],
  });
  return new Map(
    rows.flatMap(({ streamId, data }) => {
      const { accountId } = JSON.parse(data) as { accountId: string | null };
      return accountId === null ? [] : [[streamId, accountId] as const];
    }),
  );
}

const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null);
