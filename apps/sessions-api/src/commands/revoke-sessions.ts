import { accountSessions } from '#domain/account-sessions/decider.js';
import type { RevocationReason } from '#domain/account-sessions/events.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '../access/caller.js';
import { sessionIdOf } from '../access/principal.js';
import { Decisions } from './decisions.js';

export interface RevokedSessions {
  readonly revoked: number;
  readonly currentSessionRevoked: boolean;
  /** Of the log: when it is in effect, the answer is. */
  readonly position: number;
}

/** Ends every session of an account, or every one but that of the caller. */
export class RevokeSessions extends Command<RevokedSessions> {
  constructor(
    readonly caller: Caller,
    readonly accountId: string,
    readonly reason: RevocationReason,
    readonly except: 'none' | 'current',
    readonly note?: string,
  ) {
    super();
  }
}

@CommandHandler(RevokeSessions)
export class RevokeSessionsHandler implements ICommandHandler<RevokeSessions> {
  constructor(
    private readonly decisions: Decisions,
    private readonly accounts: AccountFolds,
  ) {}

  async execute({ caller, accountId, reason, except, note }: RevokeSessions): Promise<RevokedSessions> {
    const actingSessionId = sessionIdOf(caller.principal);
    const { result, position } = await this.decisions.make({
      caller,
      streamId: accountStreamId(accountId),
      folds: this.accounts,
      checksWhoActs: true,
      decide: ({ sessions }, now) =>
        accountSessions.decide(
          actingSessionId !== undefined && except === 'current'
            ? { type: 'RevokeOtherSessions', now, actingSessionId, currentSessionId: actingSessionId, reason }
            : { type: 'RevokeAllSessions', now, actingSessionId, reason },
          sessions,
        ),
      personal: () => (note === undefined ? undefined : { note }),
      result: (events) => ({
        revoked: events.length,
        currentSessionRevoked: events.some(({ data }) => data.sessionId === actingSessionId),
      }),
    });
    return { ...result, position };
  }
}
