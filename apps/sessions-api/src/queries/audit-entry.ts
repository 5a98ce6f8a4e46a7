import type { Instant } from '#domain/instant.js';
import { accountIdOf } from '#event-log/account-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';
import type { PersonalData } from '#event-log/sealing.js';
import type { Vault } from '#event-log/vault.js';
import { type AuditColumns, auditColumns } from '#read-model/audit-entries.js';
import type { Pool } from 'pg';

/** An event of the log as an auditor reads it. What does not apply, was not given or was erased is null. */
export interface AuditEntry {
  readonly position: number;
  readonly type: string;
  readonly recordedAt: Instant;
  readonly accountId: string | null;
  /** Of the session that it is about. */
  readonly token: string | null;
  /** Of the API key that it is about. */
  readonly keyId: string | null;
  readonly actor: { readonly type: string; readonly id: string } | null;
  /** The session or API key that asked, by its public name. */
  readonly credential: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly reason: string | null;
  readonly note: string | null;
  readonly commandId: string | null;
  readonly requestId: string | null;
  /** Of the event in the log's chain, hexadecimal. */
  readonly hash: string;
}

interface Metadata {
  readonly actor?: AuditEntry['actor'];
  readonly commandId?: string;
  readonly requestId?: string;
}

/** Opens what is sealed in the same moment: what has been erased by now is null. */
export async function auditEntries(
  pool: Pool,
  vault: Vault,
  events: readonly RecordedEvent[],
): Promise<AuditEntry[]> {
  const [personal, columns] = await Promise.all([
    vault.open(events.map((event) => withoutSecrets(event))),
    columnsOf(pool, events),
  ]);
  return events.map((event, i) => auditEntry(event, columns[i]!, personal[i] ?? {}));
}

/** By what each event is searched for. */
export const columnsOf = (pool: Pool, events: readonly RecordedEvent[]): Promise<AuditColumns[]> =>
  auditColumns(
    pool,
    events.map((event) => ({ ...event, ...decodeEvent(event) })),
  );

/** What is sealed in the events of a key is the hash of its secret: nobody reads that here. */
const withoutSecrets = (event: RecordedEvent) =>
  accountIdOf(event.streamId) === null ? { ...event, sealed: null } : event;

function auditEntry(
  event: RecordedEvent,
  { accountId, sessionId, reason, credential }: AuditColumns,
  personal: PersonalData,
): AuditEntry {
  const { data } = decodeEvent(event) as { data: { keyId?: string } };
  const { actor, commandId, requestId } = JSON.parse(event.metadata) as Metadata;
  return {
    position: event.position,
    type: event.type,
    recordedAt: new Date(event.recordedAt).toISOString(),
    accountId,
    token: sessionId,
    keyId: data.keyId ?? null,
    actor: actor ?? null,
    credential,
    ipAddress: personal.ipAddress ?? null,
    userAgent: personal.userAgent ?? null,
    reason,
    note: personal.note ?? null,
    commandId: commandId ?? null,
    requestId: requestId ?? null,
    hash: event.hash.toString('hex'),
  };
}
