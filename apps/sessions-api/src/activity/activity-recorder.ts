import type { Instant } from '#domain/instant.js';
import { activitySubject, type Activity } from '#bus/activity.js';
import { readActivity } from '#read-model/activity.js';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Pool } from 'pg';
import { BusConnection } from '../relay/bus-connection.js';

const ONCE_A_MS = 60_000;
const REMEMBERED_SESSIONS = 200_000;

/** Tells the bus that sessions are in use, each at most once a minute, and knows when one was last seen. */
@Injectable()
export class ActivityRecorder {
  private readonly told = new LRUCache<string, Instant>({ max: REMEMBERED_SESSIONS, ttl: ONCE_A_MS });

  constructor(
    private readonly bus: BusConnection,
    private readonly pool: Pool,
  ) {}

  wasToldLately(sessionId: string): boolean {
    return this.told.has(sessionId);
  }

  record(activity: Activity): void {
    this.told.set(activity.sessionId, activity.at);
    if (this.bus.isConnected)
      this.bus.connection?.publish(activitySubject(activity.sessionId), JSON.stringify(activity));
  }

  /** What the read model knows, or this process if it knows more; sessions that were never seen are missing. */
  async lastSeen(sessionIds: readonly string[]): Promise<Map<string, Instant>> {
    const seen = await readActivity(this.pool, sessionIds);
    for (const id of sessionIds) {
      const told = this.told.get(id);
      if (told !== undefined && told > (seen.get(id) ?? '')) seen.set(id, told);
    }
    return seen;
  }
}
