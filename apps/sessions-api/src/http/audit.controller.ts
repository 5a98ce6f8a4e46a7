import { Controller, Get, Param } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { RecordAuditRead } from '../commands/record-audit-read.js';
import { SessionLife } from '../queries/session-life.js';
import { AskedBy } from './asked-by.js';
import { sessionLifeOutput, type SessionLifeOutput } from './audit-output.js';
import { requireToken } from './session-token.js';

/** Each read is itself recorded, before anything is shown. */
@ApiTags('audit')
@Controller('api/audit')
export class AuditController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get('sessions/:token')
  @ForService('audit:read')
  @ApiOperation({ summary: 'The whole life of one session, oldest first, whether it lives or not' })
  @ApiOkResponse({ standardSchema: sessionLifeOutput })
  async session(@AskedBy() caller: Caller, @Param('token') text: string): Promise<SessionLifeOutput> {
    const token = requireToken(text);
    const entries = await this.queries.execute(new SessionLife(token));
    await this.commands.execute(new RecordAuditRead(caller, { what: 'session', filter: { token } }));
    return { data: [...entries] };
  }
}
