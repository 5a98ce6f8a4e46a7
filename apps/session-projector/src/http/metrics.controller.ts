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
    const progress = await this.progress.report().catch(() => null);
    this.metrics.checkpointPosition.set(progress ? (progress.checkpoint?.position ?? 0) : NaN);
    this.metrics.lagEvents.set(progress ? progress.lag.events : NaN);
    this.metrics.lagSeconds.set(progress ? progress.lag.seconds : NaN);
    this.metrics.stopped.set(this.projector.state.status === 'stopped' ? 1 : 0);
    return this.metrics.registry.metrics();
  }
}
