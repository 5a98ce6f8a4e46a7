import type { Instant } from '#domain/instant.js';
import type { Pool } from 'pg';
import type { RecordedEvent } from './event.js';
import type { MasterKey } from './master-key.js';
import {
  createSubjectKey,
  opener,
  seal,
  sealedUnder,
  type PersonalData,
  type SubjectKey,
} from './sealing.js';
import { subjectKeyInUse, wrappedKeys } from './subject-keys.js';

export type SealedEvent = Pick<RecordedEvent, 'streamId' | 'eventId' | 'type' | 'sealed'>;

/** Seals what is personal in events of this log, and opens it for as long as its key exists. */
export class Vault {
  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
    private readonly logId: string,
  ) {}

  /** The key for a stream's month, and whether it has to be appended together with what is sealed under it. */
  async keyFor(streamId: string, now: Instant): Promise<{ key: SubjectKey; isNew: boolean }> {
    const month = `${now.slice(0, 7)}-01`;
    const inUse = await subjectKeyInUse(this.pool, streamId, month);
    return inUse
      ? { key: inUse, isNew: false }
      : { key: createSubjectKey(this.masterKey, month), isNew: true };
  }

  seal(data: PersonalData, key: SubjectKey, event: Omit<SealedEvent, 'sealed'>): Buffer {
    return seal(data, key, this.masterKey, { ...event, logId: this.logId });
  }

  /** For each event what was sealed in it; null where there was nothing, or its key has been destroyed by now. */
  async open(events: readonly SealedEvent[]): Promise<(PersonalData | null)[]> {
    const keyIds = events.flatMap(({ sealed }) => (sealed ? sealedUnder(sealed) : []));
    const keys =
      keyIds.length > 0 ? await wrappedKeys(this.pool, [...new Set(keyIds)]) : new Map<string, Buffer>();
    return this.openUnder(keys, events);
  }

  /** The same with keys that were looked up already: those, by id, that had not been destroyed. */
  openUnder(
    wrappedKeys: ReadonlyMap<string, Buffer>,
    events: readonly SealedEvent[],
  ): (PersonalData | null)[] {
    const open = opener(wrappedKeys, this.masterKey);
    return events.map(({ sealed, ...event }) => sealed && open(sealed, { ...event, logId: this.logId }));
  }
}
