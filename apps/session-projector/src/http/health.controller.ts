import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Progress } from '../progress.js';
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

  /** 200 while PostgreSQL answers and nothing stops the projection: NATS away or a lag are no reason to send it away. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const { state } = this.projector;
    try {
      const progress = await this.progress.report();
      reply.status(state.status === 'stopped' ? 503 : 200);
      return { ...state, ...progress };
    } catch (error) {
      reply.status(503);
      return { ...state, postgres: (error as Error).message || 'unreachable' };
    }
  }
}
