import { Controller, Get, Header } from '@nestjs/common';
import { Metrics } from '../metrics.js';
import { Progress } from '../progress.js';
import { Projector } from '../projector.js';

@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly projector: Projector,
    private readonly metrics: Metrics,
    private readonly progress: Progress,
  ) {}

  /** Without PostgreSQL, position and lag are NaN: not known. */
  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  async metricsText(): Promise<string> {
    for (const { projection, state } of this.projector.runs) {
      const labels = { projection: projection.name };
      const progress = await this.progress.report(projection.name).catch(() => null);
      this.metrics.checkpointPosition.set(labels, progress ? (progress.checkpoint?.position ?? 0) : NaN);
      this.metrics.lagEvents.set(labels, progress ? progress.lag.events : NaN);
      this.metrics.lagSeconds.set(labels, progress ? progress.lag.seconds : NaN);
      this.metrics.stopped.set(labels, state.status === 'stopped' ? 1 : 0);
    }
    return this.metrics.registry.metrics();
  }
}
