import { EventEmitter, once } from 'node:events';
import { connectBus } from '#bus/connect.js';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { pino } from 'pino';
import type { Committed } from '../../apps/sessions-api/src/relay/handover.js';
import { Relay } from '../../apps/sessions-api/src/relay/relay.js';
import { WakeUp } from '../../apps/sessions-api/src/relay/wake-up.js';

export interface Heard {
  readonly msg: string;
  readonly reason: string;
  readonly err: { readonly message: string };
}

/** A relay as an API process that leads runs it, and what it logs. */
export class RunningRelay {
  private readonly heard: Heard[] = [];
  private readonly lines = new EventEmitter();
  private readonly wakeUp = new WakeUp();
  private readonly over = new AbortController();
  private readonly relay: Relay;
  private readonly running: Promise<void>;

  private constructor(
    pool: Pool,
    private readonly bus: NatsConnection,
  ) {
    const logger = pino(
      { level: 'debug' },
      {
        write: (line) => {
          const heard = JSON.parse(line) as Heard;
          this.heard.push(heard);
          this.lines.emit('line');
        },
      },
    );
    const stream = { replicas: 1, maxAgeMs: 100 * 86_400_000, maxBytes: -1 };
    const settings = { stream, source: 'signoff', alignEveryMs: 2_000 };
    this.relay = new Relay(pool, bus, settings, this.wakeUp, logger);
    this.running = this.relay.lead(this.over.signal);
  }

  static async start(pool: Pool, natsUrl: string): Promise<RunningRelay> {
    return new RunningRelay(pool, await connectBus(natsUrl, 'relay'));
  }

  get status() {
    return this.relay.status;
  }

  get said(): string[] {
    return this.heard.map(({ msg }) => msg);
  }

  wake(): void {
    this.wakeUp.call();
  }

  committed(group: Committed): void {
    this.relay.committed(group);
  }

  /** The first line with that message, now or as soon as it comes. */
  async hears(msg: string): Promise<Heard> {
    for (;;) {
      const found = this.heard.find((heard) => heard.msg === msg);
      if (found) return found;
      await once(this.lines, 'line');
    }
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
    await this.bus.close();
  }
}
