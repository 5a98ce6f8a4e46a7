import type { Pool } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { opener, type PersonalData } from '#event-log/sealing.js';
import { readSealed } from '#event-log/subject-keys.js';
import type { ProjectedEvent } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';

export interface Opened {
  readonly subjectKeyId: string;
  /** Null where the key was destroyed. */
  readonly data: PersonalData | null;
}

/** By position, for each event of a batch that is an account's and had something sealed. */
export async function openEvents(
  pool: Pool,
  masterKey: MasterKey,
  events: readonly ProjectedEvent[],
  logId: string,
): Promise<Map<number, Opened>> {
  if (events.length === 0) return new Map();
  const first = events[0]!.position;
  const found = await readSealed(pool, first, events.at(-1)!.position);
  const keys = found.flatMap(({ keyId, wrappedKey }) => (wrappedKey ? [[keyId, wrappedKey] as const] : []));
  const open = opener(new Map(keys), masterKey);
  return new Map(
    found.map(({ position, sealed, keyId }) => {
      const { streamId, eventId, type } = events[position - first]!;
      try {
        return [position, { subjectKeyId: keyId, data: open(sealed, { logId, streamId, eventId, type }) }];
      } catch (cause) {
        const message = `what is sealed in the event does not open under the master key ${masterKey.id}`;
        throw new ProjectionStop('PERSONAL_DATA_UNREADABLE', position, message, { cause });
      }
    }),
  );
}

/** PostgreSQL's text cannot hold U+0000: a client that sends one must not stop the audit trail. */
export function storable(text: string | undefined): string | null {
  return text?.replaceAll('\0', '\ufffd') ?? null;
}
