import { readHead } from '#event-log/read.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { AUDIT_PROJECTION, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
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
      const lagOf = async (projection: string) =>
        head.position - ((await readCheckpoint(this.pool, projection))?.position ?? 0);
      const projectionLag = await lagOf(SESSIONS_PROJECTION);
      const auditLag = await lagOf(AUDIT_PROJECTION);
      const relay = this.relay.status;
      const degraded = [
        ...(this.bus.isConnected ? [] : ['nats']),
        ...(relay.state === 'degraded' || relay.state === 'refused' ? ['relay'] : []),
        ...(projectionLag > LAG_TO_MENTION ? ['projection'] : []),
        ...(auditLag > LAG_TO_MENTION ? ['audit'] : []),
      ];
      return { status: 'ready', degraded, log: { position: head.position }, projectionLag, auditLag, relay };
    } catch {
      reply.code(503).header('retry-after', '1');
      return { status: 'unavailable', degraded: ['postgresql'] };
    }
  }
}
