import type { Subscription } from '@nats-io/transport-node';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BusConnection } from '../relay/bus-connection.js';

const REVOKED = 'sessions.revoked.*';
/** Where NATS does not tell. */
const LOOK_EACH_MS = 1_000;

/** Wakes whoever waits for more revocations, made by any process. News, never facts: look, and wait again. */
@Injectable()
export class RevocationNews implements OnModuleDestroy {
  hasStopped = false;
  /** How often there was news. To be read before looking: what comes while one looks is news as well. */
  count = 0;
  private readonly waiting = new Set<() => void>();
  private listeners = 0;
  private subscription: Subscription | undefined;

  constructor(private readonly bus: BusConnection) {}

  /** Listens until the answer is called; where nobody does, nothing is heard. */
  listen(): () => void {
    this.listeners++;
    this.subscription ??= this.bus.connection?.subscribe(REVOKED, { callback: () => this.tell() });
    return () => {
      if (--this.listeners > 0) return;
      this.subscription?.unsubscribe();
      this.subscription = undefined;
    };
  }

  /** Resolves with news behind `count`, after `ms` (a second at most), or when we stop. */
  async wait(count: number, ms: number): Promise<void> {
    if (count !== this.count) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, LOOK_EACH_MS));
      this.waiting.add(wake);
    });
  }

  onModuleDestroy(): void {
    this.hasStopped = true;
    this.tell();
  }

  private tell(): void {
    this.count++;
    for (const wake of this.waiting) wake();
  }
}
