import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { ALL_EVENTS, STREAM } from './subjects.js';

export interface StreamSettings {
  readonly replicas: number;
  /** How long a message is held, in milliseconds. */
  readonly maxAgeMs: number;
  /** -1: no limit. A full stream refuses new messages and keeps the old ones. */
  readonly maxBytes: number;
}

/**
 * Creates the stream, or brings an existing one to the settings. `firstSequence` is asked only when it is created: a
 * stream that is filled again need not begin with what would have aged out (nats-server 2.9 begins with 1 all the same: it
 * accepts the purge, and then refuses the right sequence until it is restarted).
 * `deny_purge` stays off: it would block the refill and cannot be undone.
 */
export async function ensureStream(
  connection: NatsConnection,
  manager: JetStreamManager,
  settings: StreamSettings,
  firstSequence: () => Promise<number>,
): Promise<StreamInfo> {
  const changeable = {
    subjects: [ALL_EVENTS],
    num_replicas: settings.replicas,
    max_age: nanos(settings.maxAgeMs),
    max_bytes: settings.maxBytes,
  };
  const existing = await streamInfo(manager);
  if (existing) {
    const { config } = existing;
    const same = Object.entries(changeable).every(
      ([name, value]) => JSON.stringify(config[name as keyof typeof config]) === JSON.stringify(value),
    );
    return same ? existing : manager.streams.update(STREAM, changeable);
  }
  const first = canSkipAhead(connection) ? await firstSequence() : 1;
  const created = await manager.streams.add({
    name: STREAM,
    ...changeable,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    deny_delete: true,
  });
  if (first === 1) return created;
  // Not by `first_seq`: from 2.10.0 to 2.11.1 a server that restarts then empties the stream (nats-server pull request 6753).
  await manager.streams.purge(STREAM, { seq: first });
  return manager.streams.info(STREAM);
}

export async function streamInfo(manager: JetStreamManager): Promise<StreamInfo | null> {
  try {
    return await manager.streams.info(STREAM);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
}

function canSkipAhead({ info }: NatsConnection): boolean {
  const [major = 0, minor = 0] = (info?.version ?? '').split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}
