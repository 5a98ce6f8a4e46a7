import { accountSessions } from '#domain/account-sessions/decider.js';
import type { RevocationReason } from '#domain/account-sessions/events.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '../access/caller.js';
import { sessionIdOf } from '../access/principal.js';
import { Decisions } from './decisions.js';

export interface RevokedSession {
  readonly currentSessionRevoked: boolean;
  /** Of the log: when it is in effect, the answer is. */
  readonly position: number;
}

export class RevokeSession extends Command<RevokedSession> {
  constructor(
    readonly caller: Caller,
    readonly accountId: string,
    readonly sessionId: string,
    readonly reason: RevocationReason,
    readonly note?: string,
  ) {
    super();
  }
}

@CommandHandler(RevokeSession)
export class RevokeSessionHandler implements ICommandHandler<RevokeSession> {
  constructor(
    private readonly decisions: Decisions,
    private readonly accounts: AccountFolds,
  ) {}

  async execute({ caller, accountId, sessionId, reason, note }: RevokeSession): Promise<RevokedSession> {
    const actingSessionId = sessionIdOf(caller.principal);
    const { result, position } = await this.decisions.make({
      caller,
      streamId: accountStreamId(accountId),
      folds: this.accounts,
      checksWhoActs: true,
      decide: ({ sessions }, now) =>
        accountSessions.decide({ type: 'RevokeSession', now, actingSessionId, sessionId, reason }, sessions),
      personal: () => (note === undefined ? undefined : { note }),
      result: () => ({ currentSessionRevoked: sessionId === actingSessionId }),
    });
    return { currentSessionRevoked: result.currentSessionRevoked, position };
  }
}
