import { Controller, UseFilters } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { Ctx, type NatsContext, Payload } from '@nestjs/microservices';
import type { Caller } from '../access/caller.js';
import { RevokeSession } from '../commands/revoke-session.js';
import { RevokeSessions } from '../commands/revoke-sessions.js';
import { EffectAnswers } from '../http/effect-answers.js';
import { introspectInput, issueInput, type IntrospectInput, type IssueInput } from '../http/input.js';
import { toIssuedOutput, toIssueSession } from '../http/issued-session.js';
import type { IssuedOutput, RevokedAllOutput, RevokedOutput } from '../http/output.js';
import { requireToken } from '../http/session-token.js';
import { IntrospectSession, type Introspection } from '../queries/introspect-session.js';
import { Answers, AskedByRpc, headerOf, principalOf } from './rpc-access.js';
import { RpcProblemFilter } from './rpc-problem.filter.js';
import {
  revokeAllQuestion,
  revokeQuestion,
  type RevokeAllQuestion,
  type RevokeQuestion,
} from './rpc-question.js';

/** What services ask over HTTP as well, with the same input, scopes, errors and results. */
@Controller()
@UseFilters(RpcProblemFilter)
export class SessionsRpc {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly effects: EffectAnswers,
  ) {}

  @Answers('introspect', 'sessions:introspect')
  introspect(
    @Ctx() context: NatsContext,
    @Payload({ schema: introspectInput }) { token }: IntrospectInput,
  ): Promise<Introspection> {
    return this.queries.execute(new IntrospectSession(token, principalOf(context)?.foundAt));
  }

  @Answers('issue', 'sessions:issue')
  async issue(
    @AskedByRpc() caller: Caller,
    @Payload({ schema: issueInput }) input: IssueInput,
  ): Promise<IssuedOutput> {
    return toIssuedOutput(await this.commands.execute(toIssueSession(caller, input)));
  }

  @Answers('revoke', 'sessions:revoke')
  async revoke(
    @AskedByRpc() caller: Caller,
    @Payload({ schema: revokeQuestion }) { accountId, token, note }: RevokeQuestion,
    @Ctx() context: NatsContext,
  ): Promise<RevokedOutput & { position: number }> {
    const command = new RevokeSession(caller, accountId, requireToken(token), 'operator', note);
    const { position, ...revoked } = await this.commands.execute(command);
    return {
      data: { revoked: true, ...revoked },
      position,
      ...(await this.effect(position, context, caller)),
    };
  }

  @Answers('revoke-all', 'sessions:revoke')
  async revokeAll(
    @AskedByRpc() caller: Caller,
    @Payload({ schema: revokeAllQuestion }) { accountId, note }: RevokeAllQuestion,
    @Ctx() context: NatsContext,
  ): Promise<RevokedAllOutput & { position: number }> {
    const command = new RevokeSessions(caller, accountId, 'operator', 'none', note);
    const { position, ...data } = await this.commands.execute(command);
    return { data, position, ...(await this.effect(position, context, caller)) };
  }

  private async effect(position: number, context: NatsContext, { principal }: Caller) {
    return (await this.effects.acknowledge(position, headerOf(context, 'Prefer'), principal))?.body;
  }
}
