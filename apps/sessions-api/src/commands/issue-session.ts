import { randomBytes } from 'node:crypto';
import { accountSessions } from '#domain/account-sessions/decider.js';
import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import type { Lifetime } from '#domain/account-sessions/lifetime.js';
import { sessionIdFrom } from '#domain/identifier.js';
import type { Instant } from '#domain/instant.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import type { PersonalData } from '#event-log/sealing.js';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '../access/caller.js';
import { SessionCredentials } from '../access/session-credentials.js';
import { CONFIG, maxLifeSeconds, type Config } from '../config.js';
import { Decisions } from './decisions.js';

const DEFAULT_LIFETIME_SECONDS = 2_592_000;

export interface IssuedSession {
  readonly sessionId: string;
  readonly accountId: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  /** Sessions that had to give way to this one. */
  readonly ended: readonly string[];
  readonly credential: string;
}

export class IssueSession extends Command<IssuedSession> {
  constructor(
    readonly caller: Caller,
    readonly accountId: string,
    /** 30 days unless given, or as long as a session may live at all. */
    readonly lifetime: Lifetime | undefined,
    readonly personal: PersonalData,
  ) {
    super();
  }
}

@CommandHandler(IssueSession)
export class IssueSessionHandler implements ICommandHandler<IssueSession> {
  constructor(
    private readonly decisions: Decisions,
    private readonly accounts: AccountFolds,
    private readonly credentials: SessionCredentials,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ caller, accountId, personal, ...command }: IssueSession): Promise<IssuedSession> {
    const longest = maxLifeSeconds(this.config);
    const lifetime = command.lifetime ?? { expiresInSeconds: Math.min(DEFAULT_LIFETIME_SECONDS, longest) };
    const sessionId = sessionIdFrom(randomBytes(16));
    const { result } = await this.decisions.make({
      caller,
      streamId: accountStreamId(accountId),
      folds: this.accounts,
      decide: ({ sessions }, now) =>
        accountSessions.decide(
          {
            type: 'IssueSession',
            now,
            sessionId,
            lifetime,
            sessionsPerAccount: this.config.SESSIONS_PER_ACCOUNT,
            maxLifeSeconds: longest,
          },
          sessions,
        ),
      personal: ({ type }) =>
        type === 'SessionIssued' && Object.keys(personal).length > 0 ? personal : undefined,
      result: (events) => toResult(accountId, events),
    });
    return { ...result, credential: await this.credentials.sign(result) };
  }
}

function toResult(accountId: string, events: readonly AccountSessionEvent[]) {
  const issued = events.find((event) => event.type === 'SessionIssued')!;
  const ended = events.filter(({ type }) => type === 'SessionRevoked').map(({ data }) => data.sessionId);
  return { ...issued.data, accountId, ended };
}
