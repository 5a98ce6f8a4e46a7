import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { open, sealedUnder } from '#event-log/sealing.js';
import { wrappedKeys } from '#event-log/subject-keys.js';
import { describeUserAgent, type Device } from '#read-model/user-agent.js';
import type { ProjectedEvent } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';

export interface PersonalColumns {
  readonly subjectKeyId: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly fingerprint: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
}

const NOTHING = {
  ipAddress: null,
  userAgent: null,
  fingerprint: null,
  browser: null,
  os: null,
  device: null,
};

/** What the login service told about who signs in, which lies sealed in the log. */
export class PersonalData {
  /** By the hash of the user agent, which itself may be erased one day. */
  private readonly devices = new LRUCache<string, Device>({ max: 2_000 });

  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
  ) {}

  /** By position, for each event that had something sealed. All null where the key was destroyed. */
  async of(issues: readonly ProjectedEvent[], logId: string): Promise<Map<number, PersonalColumns>> {
    const sealed = issues.flatMap((issue) =>
      issue.sealed ? [{ issue, bytes: issue.sealed, subjectKeyId: sealedUnder(issue.sealed) }] : [],
    );
    if (sealed.length === 0) return new Map();
    const keys = await wrappedKeys(this.pool, [...new Set(sealed.map(({ subjectKeyId }) => subjectKeyId))]);
    const columns = new Map<number, PersonalColumns>();
    for (const { issue, bytes, subjectKeyId } of sealed) {
      const opened = this.open(bytes, keys.get(subjectKeyId), issue, logId);
      columns.set(issue.position, { subjectKeyId, ...(opened ? this.columns(opened) : NOTHING) });
    }
    return columns;
  }

  private open(
    sealed: Buffer,
    wrappedKey: Buffer | undefined,
    { position, streamId, eventId, type }: ProjectedEvent,
    logId: string,
  ) {
    try {
      return open(sealed, wrappedKey, this.masterKey, { logId, streamId, eventId, type });
    } catch (cause) {
      const message = `what is sealed in the event does not open under the master key ${this.masterKey.id}`;
      throw new ProjectionStop('PERSONAL_DATA_UNREADABLE', position, message, { cause });
    }
  }

  private columns(opened: Readonly<Record<string, string>>): Omit<PersonalColumns, 'subjectKeyId'> {
    const [ipAddress, userAgent, fingerprint] = ['ipAddress', 'userAgent', 'fingerprint'].map((name) =>
      storable(opened[name]),
    ) as [string | null, string | null, string | null];
    return { ipAddress, userAgent, fingerprint, ...this.deviceOf(userAgent) };
  }

  private deviceOf(userAgent: string | null) {
    if (userAgent === null) return describeUserAgent(userAgent);
    const key = hash('sha256', userAgent, 'base64');
    let device = this.devices.get(key);
    if (!device) this.devices.set(key, (device = describeUserAgent(userAgent)));
    return device;
  }
}

/** PostgreSQL's text cannot hold U+0000: a client that sends one must not stop everybody's list. */
function storable(text: string | undefined): string | null {
  return text?.replaceAll('\0', '\ufffd') ?? null;
}
