import type { Instant } from '#domain/instant.js';
import { accountIdOf } from '#event-log/account-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';
import type { PersonalData } from '#event-log/sealing.js';
import type { Vault } from '#event-log/vault.js';

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
  readonly credential?: string;
  readonly commandId?: string;
  readonly requestId?: string;
}

/** Opens what is sealed in the same moment: what has been erased by now is null. */
export async function auditEntries(events: readonly RecordedEvent[], vault: Vault): Promise<AuditEntry[]> {
  const personal = await vault.open(events.map((event) => withoutSecrets(event)));
  return events.map((event, i) => auditEntry(event, personal[i] ?? {}));
}

/** What is sealed in the events of a key is the hash of its secret: nobody reads that here. */
const withoutSecrets = (event: RecordedEvent) =>
  accountIdOf(event.streamId) === null ? { ...event, sealed: null } : event;

function auditEntry(event: RecordedEvent, personal: PersonalData): AuditEntry {
  const { data } = decodeEvent(event) as { data: Partial<Record<string, string>> };
  const { actor, credential, commandId, requestId } = JSON.parse(event.metadata) as Metadata;
  return {
    position: event.position,
    type: event.type,
    recordedAt: new Date(event.recordedAt).toISOString(),
    accountId: accountIdOf(event.streamId) ?? data.accountId ?? null,
    token: data.sessionId ?? null,
    keyId: data.keyId ?? null,
    actor: actor ?? null,
    credential: credential ?? null,
    ipAddress: personal.ipAddress ?? null,
    userAgent: personal.userAgent ?? null,
    reason: data.reason ?? null,
    note: personal.note ?? null,
    commandId: commandId ?? null,
    requestId: requestId ?? null,
    hash: event.hash.toString('hex'),
  };
}
