import type { Pool } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { opener, sealedUnder, type PersonalData } from '#event-log/sealing.js';
import { wrappedKeys } from '#event-log/subject-keys.js';
import type { ProjectedEvent } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';

export interface Opened {
  readonly subjectKeyId: string;
  /** Null where the key was destroyed. */
  readonly data: PersonalData | null;
}

/** By position, for each event that had something sealed. */
export async function openEvents(
  pool: Pool,
  masterKey: MasterKey,
  events: readonly ProjectedEvent[],
  logId: string,
): Promise<Map<number, Opened>> {
  const sealed = events.flatMap((event) =>
    event.sealed ? [{ event, bytes: event.sealed, subjectKeyId: sealedUnder(event.sealed) }] : [],
  );
  if (sealed.length === 0) return new Map();
  const keys = await wrappedKeys(pool, [...new Set(sealed.map(({ subjectKeyId }) => subjectKeyId))]);
  const open = opener(keys, masterKey);
  return new Map(
    sealed.map(({ event, bytes, subjectKeyId }) => {
      const { position, streamId, eventId, type } = event;
      try {
        return [position, { subjectKeyId, data: open(bytes, { logId, streamId, eventId, type }) }];
      } catch (cause) {
        const message = `what is sealed in the event does not open under the master key ${masterKey.id}`;
        throw new ProjectionStop('PERSONAL_DATA_UNREADABLE', position, message, { cause });
      }
    }),
  );
}

/** PostgreSQL's text cannot hold U+0000: a client that sends one must not stop everybody's list. */
export function storable(text: string | undefined): string | null {
  return text?.replaceAll('\0', '\ufffd') ?? null;
}
