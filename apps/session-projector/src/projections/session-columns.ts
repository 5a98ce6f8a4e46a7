import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PersonalData } from '#event-log/sealing.js';
import { describeUserAgent, type Device } from '#read-model/user-agent.js';
import { storable } from './opened-events.js';

export interface PersonalColumns {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly fingerprint: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
}

/** What the login service told about who signs in, as lists show it. All null where it was erased. */
export class SessionColumns {
  /** By the hash of the user agent, which itself may be erased one day. */
  private readonly devices = new LRUCache<string, Device>({ max: 2_000 });

  of(opened: PersonalData | null): PersonalColumns {
    const [ipAddress, userAgent, fingerprint] = ['ipAddress', 'userAgent', 'fingerprint'].map((name) =>
      storable(opened?.[name]),
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
