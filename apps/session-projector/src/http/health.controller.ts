import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Progress } from '../progress.js';
import type { ProjectionRun } from '../projection-run.js';
import { Projector } from '../projector.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly projector: Projector,
    private readonly progress: Progress,
  ) {}

  @Get('live')
  live() {
    return { status: 'live' };
  }

  /** 200 while PostgreSQL answers and nothing stops a projection: NATS away or a lag are no reason to send it away. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const { sessions, audit, runs } = this.projector;
    reply.status(runs.some(({ state }) => state.status === 'stopped') ? 503 : 200);
    try {
      return { ...(await this.report(sessions)), audit: await this.report(audit) };
    } catch (error) {
      reply.status(503);
      const postgres = (error as Error).message || 'unreachable';
      return { ...sessions.state, postgres, audit: audit.state };
    }
  }

  private async report({ state, projection }: ProjectionRun) {
    return { ...state, ...(await this.progress.report(projection.name)) };
  }
}
