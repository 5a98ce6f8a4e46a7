import { countDeadLetters } from '#bus/dead-letters.js';
import { streamInfo } from '#bus/stream.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { PROJECTIONS } from '#read-model/entities/checkpoint.entity.js';
import { lagBehind } from '#read-model/lag.js';
import { processMetrics } from '#telemetry/process-metrics.js';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import { Counter, Gauge, Histogram } from 'prom-client';
import { latestCheckpoint } from './checkpoints/checkpoint-table.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { BusConnection } from './relay/bus-connection.js';
import { RELAY_STATES } from './relay/relay.js';
import { RelayService } from './relay/relay.service.js';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What an operator asks of one API process. What cannot be reached is not known: its gauge is NaN, the rest is answered. */
@Injectable()
export class Metrics {
  private readonly registry = processMetrics('sessions-api');
  readonly contentType = this.registry.contentType;

  private readonly batchSize = new Histogram({
    name: 'signoff_append_batch_size',
    help: 'Appends that shared one commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers: [this.registry],
  });
  private readonly commitSeconds = new Histogram({
    name: 'signoff_append_commit_seconds',
    help: 'From taking a group of appends to its commit',
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly refusals = new Counter({
    name: 'signoff_refusals_total',
    help: 'Requests that were refused or failed, by the code of the problem',
    labelNames: ['code'],
    registers: [this.registry],
  });
  private readonly requestSeconds = new Histogram({
    name: 'signoff_http_request_seconds',
    help: 'From the request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly poolConnections = new Gauge({
    name: 'signoff_pool_connections',
    help: 'Connections to PostgreSQL: open, idle, and requests that wait for one',
    labelNames: ['state'],
    registers: [this.registry],
  });
  private readonly logPosition = this.gauge('signoff_log_position', 'Position of the newest event');
  private readonly relayLag = this.gauge('signoff_relay_lag_events', 'Events that the stream lacks');
  private readonly relayLagSeconds = this.gauge(
    'signoff_relay_lag_seconds',
    'Age of the oldest event that the stream lacks',
  );
  private readonly relayState = new Gauge({
    name: 'signoff_relay_state',
    help: 'Which state the relay of this process is in: 1, and 0 for the others',
    labelNames: ['state'],
    registers: [this.registry],
  });
  private readonly streamsRebuilt = new Counter({
    name: 'signoff_stream_rebuilds_total',
    help: 'Times that the stream was damaged, or of an earlier epoch, and was built again',
    registers: [this.registry],
  });
  private readonly inEffectSeconds = new Histogram({
    name: 'signoff_revocation_in_effect_seconds',
    help: 'From the acknowledgement of a revocation by this process to the last receipt of the service; a minute at most',
    labelNames: ['service'],
    buckets: [...SECONDS, 10, 30, 60],
    registers: [this.registry],
  });
  private readonly deadLetters = new Gauge({
    name: 'signoff_dead_letters',
    help: 'Revocations that the service could not do anything with, and that wait for an operator',
    labelNames: ['service'],
    registers: [this.registry],
  });
  private readonly projectionLag = new Gauge({
    name: 'signoff_projection_lag_events',
    help: 'Events that the read model lacks',
    labelNames: ['projection'],
    registers: [this.registry],
  });
  private readonly projectionLagSeconds = new Gauge({
    name: 'signoff_projection_lag_seconds',
    help: 'Age of the oldest event that the read model lacks',
    labelNames: ['projection'],
    registers: [this.registry],
  });

  private readonly checkpointLag = this.gauge(
    'signoff_checkpoint_lag_events',
    'Events that no checkpoint covers yet',
  );
  private readonly checkpointLagSeconds = this.gauge(
    'signoff_checkpoint_lag_seconds',
    'Age of the oldest event that no checkpoint covers yet',
  );
  private readonly checkpointRefused = this.gauge(
    'signoff_checkpoint_refused',
    '1 while this process signs no checkpoint, since the log contradicts the one before',
  );
  private readonly retentionFailing = this.gauge(
    'signoff_retention_failing',
    '1 while the last look of this process for personal data that is too old has not erased all of it',
  );

  constructor(
    private readonly pool: Pool,
    private readonly bus: BusConnection,
    private readonly relay: RelayService,
    private readonly checkpoints: Checkpoints,
  ) {}

  committed(appends: number, seconds: number): void {
    this.batchSize.observe(appends);
    this.commitSeconds.observe(seconds);
  }

  refused(code: string): void {
    this.refusals.inc({ code });
  }

  inEffect(service: string, seconds: number): void {
    this.inEffectSeconds.observe({ service }, seconds);
  }

  lookedForOldData(erasedAll: boolean): void {
    this.retentionFailing.set(erasedAll ? 0 : 1);
  }

  answered(method: string, route: string, status: number, seconds: number): void {
    this.requestSeconds.observe({ method, route, status }, seconds);
  }

  async scrape(): Promise<string> {
    // First: what is asked below waits for a connection itself.
    this.poolConnections.set({ state: 'open' }, this.pool.totalCount);
    this.poolConnections.set({ state: 'idle' }, this.pool.idleCount);
    this.poolConnections.set({ state: 'waited-for' }, this.pool.waitingCount);
    const { state } = this.relay.status;
    for (const one of RELAY_STATES) this.relayState.set({ state: one }, one === state ? 1 : 0);
    this.streamsRebuilt.reset();
    this.streamsRebuilt.inc(this.relay.streamRebuilds);
    this.checkpointRefused.set(this.checkpoints.refusal ? 1 : 0);
    await Promise.all([
      this.setDeadLetters(),
      this.setLag(this.lastSequence(), this.relayLag, this.relayLagSeconds),
      this.setLag(this.signed(), this.checkpointLag, this.checkpointLagSeconds),
      ...PROJECTIONS.map((projection) =>
        this.setLag(this.checkpointOf(projection), this.projectionLag, this.projectionLagSeconds, {
          projection,
        }),
      ),
    ]);
    return this.registry.metrics();
  }

  private async setLag(
    asked: Promise<number>,
    events: Gauge,
    seconds: Gauge,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const unknown = { head: NaN, events: NaN, seconds: NaN };
    const position = await asked.catch(() => NaN);
    const known = !Number.isNaN(position);
    const lag = known ? await lagBehind(this.pool, position).catch(() => unknown) : unknown;
    events.set(labels, lag.events);
    seconds.set(labels, lag.seconds);
    if (known) this.logPosition.set(lag.head);
  }

  private async checkpointOf(projection: string): Promise<number> {
    return (await readCheckpoint(this.pool, projection))?.position ?? 0;
  }

  private async signed(): Promise<number> {
    return (await latestCheckpoint(this.pool))?.position ?? 0;
  }

  /** Unknown is not none: then it has no value. */
  private async setDeadLetters(): Promise<void> {
    const letters = await this.manager()
      .then(countDeadLetters)
      .catch(() => undefined);
    this.deadLetters.reset();
    for (const [service, count] of letters ?? []) this.deadLetters.set({ service }, count);
  }

  private async lastSequence(): Promise<number> {
    const info = await streamInfo(await this.manager());
    return info?.state.last_seq ?? 0;
  }

  private async manager(): Promise<JetStreamManager> {
    if (!this.bus.connection || !this.bus.isConnected) throw new Error('not connected');
    return jetstreamManager(this.bus.connection, { timeout: 1_000 });
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
