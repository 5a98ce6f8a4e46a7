import { streamInfo } from '#bus/stream.js';
import { readHead } from '#event-log/read.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { jetstreamManager } from '@nats-io/jetstream';
import { Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BusConnection } from './relay/bus-connection.js';

@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  readonly contentType = this.registry.contentType;

  private readonly batchSize = new Histogram({
    name: 'signoff_append_batch_size',
    help: 'Appends that shared one commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers: [this.registry],
  });
  private readonly logPosition = this.gauge('signoff_log_position', 'Position of the newest event');
  private readonly relayLag = this.gauge(
    'signoff_relay_lag_events',
    'Events that the stream does not have yet',
  );
  private readonly projectionLag = this.gauge(
    'signoff_projection_lag_events',
    'Events that the read model does not have yet',
  );

  constructor(
    private readonly pool: Pool,
    private readonly bus: BusConnection,
  ) {
    collectDefaultMetrics({ register: this.registry });
  }

  appended(appends: number): void {
    this.batchSize.observe(appends);
  }

  /** What cannot be reached is not known: its gauge is NaN, the rest is answered. */
  async scrape(): Promise<string> {
    const [sequence, checkpoint] = await Promise.all([
      this.lastSequence().catch(() => NaN),
      readCheckpoint(this.pool, SESSIONS_PROJECTION).then(
        (found) => found?.position ?? 0,
        () => NaN,
      ),
    ]);
    const position = await readHead(this.pool).then(
      (head) => head.position,
      () => NaN,
    );
    this.logPosition.set(position);
    this.relayLag.set(position - sequence);
    this.projectionLag.set(position - checkpoint);
    return this.registry.metrics();
  }

  private async lastSequence(): Promise<number> {
    if (!this.bus.connection || !this.bus.isConnected) return NaN;
    const info = await streamInfo(await jetstreamManager(this.bus.connection, { timeout: 1_000 }));
    return info?.state.last_seq ?? 0;
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
