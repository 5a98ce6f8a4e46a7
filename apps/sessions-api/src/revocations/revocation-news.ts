import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscription } from '@nats-io/transport-node';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BusConnection } from '../relay/bus-connection.js';

const REVOKED = 'sessions.revoked.*';
/** Where NATS does not tell. */
const LOOK_EACH_MS = 1_000;

/** Wakes whoever waits for more revocations, made by any process. News, never facts: look, and wait again. */
@Injectable()
export class RevocationNews implements OnModuleDestroy {
  private readonly stopped = new AbortController();
  private listeners = 0;
  private subscription: Subscription | undefined;
  private tell = (): void => undefined;
  private news = this.more();

  constructor(private readonly bus: BusConnection) {}

  get hasStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  /** To be taken before looking: what comes while one looks is news as well. */
  get next(): Promise<void> {
    return this.news;
  }

  /** Listens until the answer is called; where nobody does, nothing is heard. */
  listen(): () => void {
    this.listeners++;
    this.subscription ??= this.bus.connection?.subscribe(REVOKED, {
      callback: () => {
        this.tell();
        this.news = this.more();
      },
    });
    return () => {
      if (--this.listeners > 0) return;
      this.subscription?.unsubscribe();
      this.subscription = undefined;
    };
  }

  /** Resolves with the news, after `ms` (a second at most), or when we stop. */
  async wait(news: Promise<void>, ms: number): Promise<void> {
    const told = new AbortController();
    const signal = AbortSignal.any([told.signal, this.stopped.signal]);
    const waited = sleep(Math.min(ms, LOOK_EACH_MS), undefined, { signal }).catch(() => undefined);
    await Promise.race([news, waited]);
    told.abort();
  }

  onModuleDestroy(): void {
    this.stopped.abort();
  }

  private more(): Promise<void> {
    return new Promise((resolve) => (this.tell = resolve));
  }
}
