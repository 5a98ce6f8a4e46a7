import type { Instant } from '#domain/instant.js';
import { DiscardPolicy, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { shardOf } from './subjects.js';

export const ACTIVITY_STREAM = 'ACTIVITY';

const SUBJECTS = 'activity.*';
const HELD_MS = 600_000;
const MAX_BYTES = 256 * 1024 * 1024;

/** A session was seen in use. Best effort: losing one costs a minute of `lastSeenAt`, and it is never in the log. */
export interface Activity {
  readonly sessionId: string;
  readonly at: Instant;
}

export const activitySubject = (sessionId: string) => `activity.${shardOf(sessionId)}`;

/** In memory: what it held is gone after a restart of the server, and nobody misses it. */
export async function ensureActivityStream(manager: JetStreamManager, replicas: number): Promise<void> {
  await manager.streams.add({
    name: ACTIVITY_STREAM,
    subjects: [SUBJECTS],
    storage: StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(HELD_MS),
    max_bytes: MAX_BYTES,
    num_replicas: replicas,
  });
}
