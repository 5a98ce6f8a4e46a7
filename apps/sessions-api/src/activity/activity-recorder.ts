import type { Instant } from '#domain/instant.js';
import { activitySubject, type Activity } from '#bus/activity.js';
import {
  activityOf,
  LEFT_OUT_FOR_SECONDS,
  leaveOutActivity,
  readHeardActivity,
  type HeardActivity,
  type LastSeen,
} from '#read-model/activity.js';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Pool } from 'pg';
import { CONFIG, type Config } from '../config.js';
import { BusConnection } from '../relay/bus-connection.js';

export const TOLD_ONCE_A_SECONDS = 60;
const REMEMBERED_SESSIONS = 200_000;

/** Tells the bus that sessions are in use, each at most once a minute, and knows when one was last seen. */
@Injectable()
export class ActivityRecorder {
  private readonly told = new LRUCache<string, Instant>({
    max: REMEMBERED_SESSIONS,
    ttl: TOLD_ONCE_A_SECONDS * 1_000,
  });
  private leftOutUntil = 0;
  private readonly activityOf: (sessionIds: readonly string[]) => Promise<LastSeen>;

  constructor(
    private readonly bus: BusConnection,
    private readonly pool: Pool,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.activityOf = activityOf(pool);
    bus.disconnected = () => this.leaveOut();
  }

  wasToldLately(sessionId: string): boolean {
    return this.told.has(sessionId);
  }

  /** Whether this process knows of a use after that instant without asking. */
  wasToldSince(sessionId: string, seenAt: Instant): boolean {
    return (this.told.get(sessionId) ?? '') > seenAt;
  }

  record(activity: Activity): void {
    this.told.set(activity.sessionId, activity.at);
    if (this.bus.isConnected)
      this.bus.connection?.publish(activitySubject(activity.sessionId), JSON.stringify(activity));
    else this.leaveOut();
  }

  /** What the read model knows, or this process if it knows more; sessions that were never seen are missing. */
  async lastSeen(sessionIds: readonly string[]): Promise<LastSeen> {
    return this.withTold(await this.activityOf(sessionIds), sessionIds);
  }

  /** The same, with what can be concluded from a session's absence; null when nothing can. */
  async heard(sessionIds: readonly string[]): Promise<HeardActivity | null> {
    const heard = await readHeardActivity(this.pool, sessionIds);
    return heard && { ...heard, lastSeen: this.withTold(heard.lastSeen, sessionIds) };
  }

  private withTold(seen: LastSeen, sessionIds: readonly string[]): LastSeen {
    for (const id of sessionIds) {
      const told = this.told.get(id);
      if (told !== undefined && told > (seen.get(id) ?? '')) seen.set(id, told);
    }
    return seen;
  }

  /** What cannot be told must not be missed by whoever ends what is idle, at any process. */
  private leaveOut(): void {
    if (this.config.SESSION_IDLE_MINUTES === 0 || performance.now() < this.leftOutUntil) return;
    this.leftOutUntil = performance.now() + (LEFT_OUT_FOR_SECONDS - 1) * 1_000;
    leaveOutActivity(this.pool).catch(() => (this.leftOutUntil = 0));
  }
}
