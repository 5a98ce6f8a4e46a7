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

/** What the login service told about who signs in. It never travels on the bus: it is read where it lies sealed. */
export class PersonalData {
  private readonly devices = new LRUCache<string, Device>({ max: 2_000 });

  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
  ) {}

  /** By position, for each event that had something sealed. All null where the key was destroyed. */
  async of(issues: readonly ProjectedEvent[], logId: string): Promise<Map<number, PersonalColumns>> {
    const sealed = await this.sealedOf(issues);
    if (sealed.size === 0) return new Map();
    const keyIds = new Map([...sealed].map(([position, bytes]) => [position, sealedUnder(bytes)]));
    const keys = await wrappedKeys(this.pool, [...new Set(keyIds.values())]);
    const columns = new Map<number, PersonalColumns>();
    for (const issue of issues) {
      const bytes = sealed.get(issue.position);
      if (!bytes) continue;
      const subjectKeyId = keyIds.get(issue.position)!;
      const opened = this.open(bytes, keys.get(subjectKeyId), issue, logId);
      columns.set(issue.position, { subjectKeyId, ...(opened ? this.columns(opened) : NOTHING) });
    }
    return columns;
  }

  private async sealedOf(issues: readonly ProjectedEvent[]): Promise<Map<number, Buffer>> {
    const known = issues.flatMap(({ position, sealed }) => (sealed ? [[position, sealed] as const] : []));
    const fromBus = issues.filter(({ sealed }) => sealed === undefined);
    return new Map([...known, ...(fromBus.length > 0 ? await this.readSealed(fromBus) : [])]);
  }

  private async readSealed(issues: readonly ProjectedEvent[]): Promise<[number, Buffer][]> {
    const { rows } = await this.pool.query<{ position: number; sealed: Buffer }>({
      name: 'projector-sealed',
      text: `SELECT position, sealed FROM event_log.event WHERE position = ANY($1) AND sealed IS NOT NULL`,
      values: [issues.map(({ position }) => position)],
    });
    return rows.map(({ position, sealed }) => [position, sealed]);
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
    let device = this.devices.get(userAgent);
    if (!device) this.devices.set(userAgent, (device = describeUserAgent(userAgent)));
    return device;
  }
}

/** PostgreSQL's text cannot hold U+0000: a client that sends one must not stop everybody's list. */
function storable(text: string | undefined): string | null {
  return text?.replaceAll('\0', '\ufffd') ?? null;
}
