import { sha256 } from '#event-log/sha256.js';
import type { EventTypeName } from '#event-log/event-types.js';

export const STREAM = 'SESSIONS';
export const ALL_EVENTS = 'sessions.*.*';

/** Core NATS: somebody has appended (any process), the projector has moved its checkpoint. Wake-ups, never facts. */
export const APPENDED = 'signoff.appended';
export const PROJECTED = 'signoff.projected';

/** Core NATS: a checkpoint of the log, a signed note as it is, when it was made. */
export const CHECKPOINT = 'signoff.checkpoint';

const SHARDS = 64;

/** Every event of every stream has a token for its subject, and a name for `ce-type`. */
const EVENTS = {
  SessionIssued: { token: 'issued', name: 'session.issued' },
  SessionExtended: { token: 'extended', name: 'session.extended' },
  SessionRevoked: { token: 'revoked', name: 'session.revoked' },
  ApiKeyCreated: { token: 'key-created', name: 'key.created' },
  ApiKeyRevoked: { token: 'key-revoked', name: 'key.revoked' },
  PersonalDataErased: { token: 'personal-data-erased', name: 'personal-data.erased' },
  AuditRead: { token: 'audit-read', name: 'audit.read' },
} as const satisfies Record<EventTypeName, { token: string; name: string }>;

export function namesOf(type: string): { token: string; name: string } {
  const names = EVENTS[type as EventTypeName];
  if (!names) throw new Error(`no subject for events of type ${type}`);
  return names;
}

/** JetStream keeps every subject in memory, so all share 64; each id keeps the same for ever. */
export const shardOf = (id: string): number => sha256(id)[0]! % SHARDS;

/** `sessions.<token>.<shard>` */
export const subjectOf = (event: { type: string; streamId: string }): string =>
  `sessions.${namesOf(event.type).token}.${shardOf(event.streamId)}`;
