import { liveSession } from '#domain/account-sessions/decider.js';
import { DomainError } from '#domain/domain-error.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { Vault } from '#event-log/vault.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import { IdleSessions } from '../activity/idle-sessions.js';
import type { SessionView } from './session-view.js';
import { viewsFromLog } from './sessions-from-log.js';

/** One active session of an account. */
export class FindActiveSession extends Query<SessionView> {
  constructor(
    readonly accountId: string,
    readonly sessionId: string,
  ) {
    super();
  }
}

@QueryHandler(FindActiveSession)
export class FindActiveSessionHandler implements IQueryHandler<FindActiveSession> {
  constructor(
    private readonly accounts: AccountFolds,
    private readonly vault: Vault,
    private readonly activity: ActivityRecorder,
    private readonly idle: IdleSessions,
  ) {}

  async execute({ accountId, sessionId }: FindActiveSession): Promise<SessionView> {
    const fold = await this.accounts.current(accountStreamId(accountId));
    const session = liveSession(fold.state.sessions, sessionId, fold.now);
    if (!session || (await this.idle.endIfIdle(accountId, fold, sessionId))) {
      throw new DomainError('SESSION_NOT_FOUND', 'no such active session');
    }
    const [view] = await viewsFromLog(fold.state.issues, [session], this.vault, this.activity);
    return view!;
  }
}
