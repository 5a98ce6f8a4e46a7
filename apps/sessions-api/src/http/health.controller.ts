import { readHead } from '#event-log/read.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { Controller, Get, HttpCode, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Pool } from 'pg';
import { BusConnection } from '../relay/bus-connection.js';
import { RelayService } from '../relay/relay.service.js';

const LAG_TO_MENTION = 1_000;

@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(
    private readonly pool: Pool,
    private readonly bus: BusConnection,
    private readonly relay: RelayService,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process answers' })
  live() {
    return { status: 'ok' };
  }

  /** Commands and lists work without NATS and without the projector: those only degrade it. */
  @Get('ready')
  @HttpCode(200)
  @ApiOperation({ summary: 'Commands and lists work: PostgreSQL is reachable and migrated' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    try {
      const head = await readHead(this.pool);
      const checkpoint = await readCheckpoint(this.pool, SESSIONS_PROJECTION);
      const projectionLag = head.position - (checkpoint?.position ?? 0);
      const relay = this.relay.status;
      const degraded = [
        ...(this.bus.isConnected ? [] : ['nats']),
        ...(relay.state === 'degraded' || relay.state === 'refused' ? ['relay'] : []),
        ...(projectionLag > LAG_TO_MENTION ? ['projection'] : []),
      ];
      return { status: 'ready', degraded, log: { position: head.position }, projectionLag, relay };
    } catch {
      reply.code(503).header('retry-after', '1');
      return { status: 'unavailable', degraded: ['postgresql'] };
    }
  }
}
