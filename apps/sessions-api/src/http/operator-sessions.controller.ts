import { Body, Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { RevokeSession } from '../commands/revoke-session.js';
import { RevokeSessions } from '../commands/revoke-sessions.js';
import { ListActiveSessions } from '../queries/list-active-sessions.js';
import { ListPastSessions } from '../queries/list-past-sessions.js';
import { AskedBy } from './asked-by.js';
import { EffectAnswers, type Exchange, InExchange } from './effect-answers.js';
import { accountInput, noteInput, sessionsInput } from './input.js';
import type { AccountInput, NoteInput, SessionsInput } from './input.js';
import { revokedAllOutput, revokedOutput, sessionsOutput } from './output.js';
import type { RevokedAllOutput, RevokedOutput, SessionsOutput } from './output.js';
import { TellsEffect } from './tells-effect.js';
import { requireToken } from './session-token.js';
import { toPastSessionsOutput, toSessionsOutput } from './sessions-page.js';

@ApiTags('services')
@Controller('api/accounts/:accountId/sessions')
export class OperatorSessionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly effects: EffectAnswers,
  ) {}

  @Get()
  @ForService('sessions:read')
  @ApiOperation({
    summary: 'The sessions of an account, newest first: active ones, or as status and at say',
  })
  @ApiOkResponse({ standardSchema: sessionsOutput })
  async list(
    @Param({ schema: accountInput }) { accountId }: AccountInput,
    @Query({ schema: sessionsInput }) { status, at, ...page }: SessionsInput,
  ): Promise<SessionsOutput> {
    if (status !== 'active' || at) {
      const past = await this.queries.execute(new ListPastSessions(accountId, status, page, at));
      return toPastSessionsOutput(past, page, null, 'service');
    }
    const sessions = await this.queries.execute(new ListActiveSessions(accountId, page));
    return toSessionsOutput(sessions, page, null);
  }

  @Delete()
  @ForService('sessions:revoke')
  @ApiOperation({ summary: 'End all sessions of an account' })
  @ApiOkResponse({ standardSchema: revokedAllOutput })
  @TellsEffect()
  async revokeAll(
    @AskedBy() caller: Caller,
    @Param({ schema: accountInput }) { accountId }: AccountInput,
    @Body({ schema: noteInput }) { note }: NoteInput,
    @InExchange() exchange: Exchange,
  ): Promise<RevokedAllOutput> {
    const command = new RevokeSessions(caller, accountId, 'operator', 'none', note);
    const { position, ...data } = await this.commands.execute(command);
    return this.effects.answer(exchange, position, { data });
  }

  @Delete(':token')
  @ForService('sessions:revoke')
  @ApiOperation({ summary: 'End one session of an account' })
  @ApiOkResponse({ standardSchema: revokedOutput })
  @TellsEffect()
  async revoke(
    @AskedBy() caller: Caller,
    @Param({ schema: accountInput }) { accountId }: AccountInput,
    @Param('token') token: string,
    @Body({ schema: noteInput }) { note }: NoteInput,
    @InExchange() exchange: Exchange,
  ): Promise<RevokedOutput> {
    const command = new RevokeSession(caller, accountId, requireToken(token), 'operator', note);
    const { position, ...revoked } = await this.commands.execute(command);
    return this.effects.answer(exchange, position, { data: { revoked: true, ...revoked } });
  }
}
