import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { BusConnection } from '../relay/bus-connection.js';

const REVOKED = 'sessions.revoked.*';
/** Where NATS does not tell. */
const LOOK_EACH_MS = 1_000;

/** Wakes whoever waits for more revocations, made by any process. News, never facts: look, and wait again. */
@Injectable()
export class RevocationNews implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopped = new AbortController();
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

  /** Resolves with the news, after `ms` (a second at most), or when we stop. */
  async wait(news: Promise<void>, ms: number): Promise<void> {
    const told = new AbortController();
    const signal = AbortSignal.any([told.signal, this.stopped.signal]);
    const waited = sleep(Math.min(ms, LOOK_EACH_MS), undefined, { signal }).catch(() => undefined);
    await Promise.race([news, waited]);
    told.abort();
  }

  onApplicationBootstrap(): void {
    this.bus.connected.then(
      (connection) =>
        connection.subscribe(REVOKED, {
          callback: () => {
            this.tell();
            this.news = this.more();
          },
        }),
      () => undefined,
    );
  }

  onModuleDestroy(): void {
    this.stopped.abort();
  }

  private more(): Promise<void> {
    return new Promise((resolve) => (this.tell = resolve));
  }
}
