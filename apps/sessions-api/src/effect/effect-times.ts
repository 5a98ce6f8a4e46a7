import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Pool } from 'pg';
import { Metrics } from '../metrics.js';
import { Receipts } from './receipts.js';
import { readAccepting, type SubscriberId } from './subscribers.js';

const LOOK_EACH_MS = 1_000;
/** What takes longer is counted with this. */
const LONGEST_MS = 60_000;
const MOST_WAITING = 10_000;

interface Service {
  readonly instances: readonly SubscriberId[];
  readonly waiting: { readonly position: number; readonly acknowledgedAt: number }[];
}

/** Measures how long revocations that this process has acknowledged take to be in effect at each service. */
@Injectable()
export class EffectTimes implements OnApplicationBootstrap, OnModuleDestroy {
  private services = new Map<string, Service>();
  private looking: NodeJS.Timeout | undefined;
  private hasHeard = false;

  constructor(
    private readonly pool: Pool,
    private readonly receipts: Receipts,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    this.receipts.onReceipt(({ service }) => {
      this.hasHeard = true;
      this.settle(service);
    });
    this.looking = setInterval(() => void this.look().catch(() => undefined), LOOK_EACH_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.looking);
  }

  acknowledged(position: number): void {
    const acknowledgedAt = performance.now();
    for (const { waiting } of this.services.values()) {
      if (waiting.length < MOST_WAITING) waiting.push({ position, acknowledgedAt });
    }
  }

  private settle(name: string): void {
    const service = this.services.get(name);
    if (!service) return;
    const { instances, waiting } = service;
    const through = Math.min(...instances.map((one) => this.receipts.of(one)?.position ?? 0));
    const now = performance.now();
    const isDone = ({ position, acknowledgedAt }: Service['waiting'][number]) =>
      position <= through || now - acknowledgedAt > LONGEST_MS;
    while (waiting.length > 0 && isDone(waiting[0]!)) {
      this.metrics.inEffect(name, (now - waiting.shift()!.acknowledgedAt) / 1_000);
    }
  }

  /** Where nobody follows, nothing is asked. */
  private async look(): Promise<void> {
    if (!this.hasHeard && this.services.size === 0) return;
    this.hasHeard = false;
    const subscribers = await readAccepting(this.pool);
    const names = new Set(subscribers.map(({ service }) => service));
    this.services = new Map(
      [...names].map((name) => {
        const instances = subscribers.filter(({ service }) => service === name);
        return [name, { instances, waiting: this.services.get(name)?.waiting ?? [] }];
      }),
    );
    for (const name of names) this.settle(name);
  }
}
