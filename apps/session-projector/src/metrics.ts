import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { processMetrics } from '#telemetry/process-metrics.js';

/** By projection. Gauges are set when they are asked for. */
@Injectable()
export class Metrics {
  readonly registry = processMetrics('session-projector');

  readonly eventsApplied = new Counter({
    name: 'signoff_projection_events_applied_total',
    help: 'Events that this process has applied to the read model',
    labelNames: ['projection'],
    registers: [this.registry],
  });
  readonly batchEvents = new Histogram({
    name: 'signoff_projection_batch_events',
    help: 'Events applied in one transaction',
    labelNames: ['projection'],
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000],
    registers: [this.registry],
  });
  readonly batchSeconds = new Histogram({
    name: 'signoff_projection_batch_seconds',
    help: 'Time that it takes to apply a batch',
    labelNames: ['projection'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [this.registry],
  });
  readonly checkpointPosition = new Gauge({
    name: 'signoff_projection_checkpoint_position',
    help: 'Log position up to which the read model is complete',
    labelNames: ['projection'],
    registers: [this.registry],
  });
  readonly lagEvents = new Gauge({
    name: 'signoff_projection_lag_events',
    help: "Events between the read model's checkpoint and the log's head",
    labelNames: ['projection'],
    registers: [this.registry],
  });
  readonly lagSeconds = new Gauge({
    name: 'signoff_projection_lag_seconds',
    help: 'Age of the oldest event that the read model lacks',
    labelNames: ['projection'],
    registers: [this.registry],
  });
  readonly stopped = new Gauge({
    name: 'signoff_projection_stopped',
    help: '1 while an event that cannot be applied stops the projection',
    labelNames: ['projection'],
    registers: [this.registry],
  });
}
