import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { processMetrics } from '#telemetry/process-metrics.js';

/** Gauges are set when they are asked for. */
@Injectable()
export class Metrics {
  readonly registry = processMetrics('session-projector');

  readonly eventsApplied = new Counter({
    name: 'signoff_projection_events_applied_total',
    help: 'Events that this process has applied to the read model',
    registers: [this.registry],
  });
  readonly batchEvents = new Histogram({
    name: 'signoff_projection_batch_events',
    help: 'Events applied in one transaction',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000],
    registers: [this.registry],
  });
  readonly batchSeconds = new Histogram({
    name: 'signoff_projection_batch_seconds',
    help: 'Time that it takes to apply a batch',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [this.registry],
  });
  readonly checkpointPosition = this.gauge(
    'signoff_projection_checkpoint_position',
    'Log position up to which the read model is complete',
  );
  readonly lagEvents = this.gauge(
    'signoff_projection_lag_events',
    "Events between the read model's checkpoint and the log's head",
  );
  readonly lagSeconds = this.gauge(
    'signoff_projection_lag_seconds',
    'Age of the oldest event that the read model lacks',
  );
  readonly stopped = this.gauge(
    'signoff_projection_stopped',
    '1 while an event that cannot be applied stops the projection',
  );

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
