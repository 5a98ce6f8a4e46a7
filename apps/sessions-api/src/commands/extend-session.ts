import { accountSessions } from '#domain/account-sessions/decider.js';
import type { Lifetime } from '#domain/account-sessions/lifetime.js';
import { DomainError } from '#domain/domain-error.js';
import type { Instant } from '#domain/instant.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import type { Caller } from '../access/caller.js';
import { SessionCredentials } from '../access/session-credentials.js';
import { CONFIG, maxLifeSeconds, type Config } from '../config.js';
import { accountOfSession } from '../queries/account-of-session.js';
import { Decisions } from './decisions.js';

export interface ExtendedSession {
  readonly sessionId: string;
  readonly accountId: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  readonly credential: string;
}

/** Never shortens a session: where it lives as long already, nothing happens but that a credential is signed. */
export class ExtendSession extends Command<ExtendedSession> {
  constructor(
    readonly caller: Caller,
    readonly sessionId: string,
    readonly lifetime: Lifetime,
  ) {
    super();
  }
}

@CommandHandler(ExtendSession)
export class ExtendSessionHandler implements ICommandHandler<ExtendSession> {
  constructor(
    private readonly pool: Pool,
    private readonly decisions: Decisions,
    private readonly accounts: AccountFolds,
    private readonly credentials: SessionCredentials,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ caller, sessionId, lifetime }: ExtendSession): Promise<ExtendedSession> {
    const accountId = await accountOfSession(this.pool, sessionId);
    if (accountId === undefined) throw new DomainError('SESSION_NOT_FOUND', 'no such active session');
    const { result } = await this.decisions.make({
      caller,
      streamId: accountStreamId(accountId),
      folds: this.accounts,
      decide: ({ sessions }, now) =>
        accountSessions.decide(
          { type: 'ExtendSession', now, sessionId, lifetime, maxLifeSeconds: maxLifeSeconds(this.config) },
          sessions,
        ),
      result: (events, { sessions }, now) => {
        const [extended] = events;
        const session = sessions.get(sessionId)!;
        const { expiresAt } = extended?.type === 'SessionExtended' ? extended.data : session;
        return { sessionId, accountId, issuedAt: session.issuedAt, signedAt: now, expiresAt };
      },
    });
    const { signedAt, ...session } = result;
    return { ...session, credential: await this.credentials.sign({ ...session, issuedAt: signedAt }) };
  }
}
