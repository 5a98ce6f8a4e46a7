import { Controller, Delete, Get, Header, Param, Query, Req } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForAccount, type KnownRequest } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { type AccountPrincipal, sessionIdOf } from '../access/principal.js';
import { RevokeSession } from '../commands/revoke-session.js';
import { RevokeSessions } from '../commands/revoke-sessions.js';
import { FindActiveSession } from '../queries/find-active-session.js';
import { ListActiveSessions } from '../queries/list-active-sessions.js';
import { ListPastSessions } from '../queries/list-past-sessions.js';
import { AskedBy } from './asked-by.js';
import { EffectAnswers, type Exchange, InExchange } from './effect-answers.js';
import { includeCurrentInput, ownSessionsInput } from './input.js';
import type { IncludeCurrentInput, OwnSessionsInput } from './input.js';
import { countOutput, oneSessionOutput, revokedAllOutput, revokedOutput, sessionsOutput } from './output.js';
import type {
  CountOutput,
  OneSessionOutput,
  RevokedAllOutput,
  RevokedOutput,
  SessionsOutput,
} from './output.js';
import { TellsEffect } from './tells-effect.js';
import { requireToken } from './session-token.js';
import { toPastSessionsOutput, toSessionOutput, toSessionsText } from './sessions-page.js';

@ApiTags('account')
@Controller('api/account/sessions')
export class AccountSessionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly effects: EffectAnswers,
  ) {}

  @Get()
  @ForAccount('sessions:read')
  @ApiOperation({ summary: 'Own sessions, newest first: active ones, or as status says' })
  @ApiOkResponse({ standardSchema: sessionsOutput })
  @Header('content-type', 'application/json; charset=utf-8')
  async list(
    @Req() { principal }: KnownRequest<AccountPrincipal>,
    @Query({ schema: ownSessionsInput }) { status, ...page }: OwnSessionsInput,
  ): Promise<SessionsOutput | string> {
    const [{ accountId }, current] = [principal, sessionIdOf(principal) ?? null];
    if (status !== 'active') {
      const past = await this.queries.execute(new ListPastSessions(accountId, status, page));
      return toPastSessionsOutput(past, page, current, 'account');
    }
    const sessions = await this.queries.execute(new ListActiveSessions(accountId, page, principal.foundAt));
    return toSessionsText(sessions, page, current);
  }

  @Get('count')
  @ForAccount('sessions:read')
  @ApiOperation({ summary: 'How many active sessions there are' })
  @ApiOkResponse({ standardSchema: countOutput })
  async count(@Req() { principal }: KnownRequest<AccountPrincipal>): Promise<CountOutput> {
    const query = new ListActiveSessions(principal.accountId, { page: 1, limit: 1 }, principal.foundAt);
    return { data: { count: (await this.queries.execute(query)).total } };
  }

  @Get(':token')
  @ForAccount('sessions:read')
  @ApiOperation({ summary: 'One active session' })
  @ApiOkResponse({ standardSchema: oneSessionOutput })
  async find(
    @Req() { principal }: KnownRequest<AccountPrincipal>,
    @Param('token') token: string,
  ): Promise<OneSessionOutput> {
    const session = await this.queries.execute(
      new FindActiveSession(principal.accountId, requireToken(token)),
    );
    return { data: toSessionOutput(session, sessionIdOf(principal) ?? null) };
  }

  @Delete()
  @ForAccount('sessions:revoke', { provesItself: true })
  @ApiOperation({ summary: 'End all other sessions; with includeCurrent the current one as well' })
  @ApiOkResponse({ standardSchema: revokedAllOutput })
  @TellsEffect()
  async revokeAll(
    @AskedBy() caller: Caller<AccountPrincipal>,
    @Query({ schema: includeCurrentInput }) { includeCurrent }: IncludeCurrentInput,
    @InExchange() exchange: Exchange,
  ): Promise<RevokedAllOutput> {
    const except = includeCurrent ? 'none' : 'current';
    const command = new RevokeSessions(caller, caller.principal.accountId, 'user_all', except);
    const { position, revoked, currentSessionRevoked } = await this.commands.execute(command);
    return this.effects.answer(exchange, position, { data: { revoked, currentSessionRevoked } });
  }

  @Delete(':token')
  @ForAccount('sessions:revoke', { provesItself: true })
  @ApiOperation({ summary: 'End one session' })
  @ApiOkResponse({ standardSchema: revokedOutput })
  @TellsEffect()
  async revoke(
    @AskedBy() caller: Caller<AccountPrincipal>,
    @Param('token') token: string,
    @InExchange() exchange: Exchange,
  ): Promise<RevokedOutput> {
    const command = new RevokeSession(caller, caller.principal.accountId, requireToken(token), 'user');
    const { position, currentSessionRevoked } = await this.commands.execute(command);
    return this.effects.answer(exchange, position, { data: { revoked: true, currentSessionRevoked } });
  }
}
