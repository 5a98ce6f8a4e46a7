import { Readable } from 'node:stream';
import type { AuditRead } from '#domain/audit-read.js';
import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { RecordAuditRead } from '../commands/record-audit-read.js';
import { ExportTrail } from '../queries/export-trail.js';
import { SearchAudit } from '../queries/search-audit.js';
import { SessionLife } from '../queries/session-life.js';
import { AskedBy } from './asked-by.js';
import { auditOutput, sessionLifeOutput, type AuditOutput, type SessionLifeOutput } from './audit-output.js';
import { auditInput, exportInput, type AuditInput, type ExportInput } from './input.js';
import { requireToken } from './session-token.js';

/** Each read is itself recorded, before anything is shown. */
@ApiTags('audit')
@Controller('api/audit')
export class AuditController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly exports: ExportTrail,
  ) {}

  @Get()
  @ForService('audit:read')
  @ApiOperation({ summary: 'What was recorded, newest first' })
  @ApiOkResponse({ standardSchema: auditOutput })
  async search(
    @AskedBy() caller: Caller,
    @Query({ schema: auditInput }) { before, limit, ...filter }: AuditInput,
  ): Promise<AuditOutput> {
    const { entries, next, asOf } = await this.queries.execute(new SearchAudit(filter, before, limit));
    await this.record(caller, 'entries', { ...filter, before, limit });
    return { data: [...entries], next, asOf };
  }

  @Get('sessions/:token')
  @ForService('audit:read')
  @ApiOperation({ summary: 'The whole life of one session, oldest first, whether it lives or not' })
  @ApiOkResponse({ standardSchema: sessionLifeOutput })
  async session(@AskedBy() caller: Caller, @Param('token') text: string): Promise<SessionLifeOutput> {
    const token = requireToken(text);
    const entries = await this.queries.execute(new SessionLife(token));
    await this.record(caller, 'session', { token });
    return { data: [...entries] };
  }

  @Get('export')
  @ForService('audit:read')
  @ApiOperation({
    summary: 'The trail behind a position, oldest first: as NDJSON with all that a verifier needs, or as CSV',
  })
  @ApiProduces('application/x-ndjson', 'text/csv')
  @ApiOkResponse({ schema: { type: 'string' } })
  async export(
    @AskedBy() caller: Caller,
    @Query({ schema: exportInput }) { format, after, ...filter }: ExportInput,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.record(caller, 'export', { ...filter, format, after });
    const lines = format === 'csv' ? this.exports.asCsv(after, filter) : this.exports.asNdjson(after, filter);
    return reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
      .header('content-disposition', `attachment; filename="signoff-audit.${format}"`)
      .header('x-accel-buffering', 'no')
      .send(Readable.from(lines));
  }

  /** An address is personal: that one was asked for is recorded, and not which. */
  private async record(
    caller: Caller,
    what: AuditRead['data']['what'],
    asked: Readonly<Record<string, string | number | undefined>>,
  ): Promise<void> {
    const filter = Object.entries(asked).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, name === 'ipAddress' ? true : value] as const],
    );
    await this.commands.execute(new RecordAuditRead(caller, { what, filter: Object.fromEntries(filter) }));
  }
}
