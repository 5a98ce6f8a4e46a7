import { liveSession } from '#domain/account-sessions/decider.js';
import { DomainError } from '#domain/domain-error.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import { accountOfSession } from '../queries/account-of-session.js';

/** A session is in use now. Not history: it never enters the log. */
export class RecordActivity extends Command<void> {
  constructor(readonly sessionId: string) {
    super();
  }
}

@CommandHandler(RecordActivity)
export class RecordActivityHandler implements ICommandHandler<RecordActivity> {
  constructor(
    private readonly pool: Pool,
    private readonly accounts: AccountFolds,
    private readonly activity: ActivityRecorder,
  ) {}

  /** What was told within the last minute is not looked up again, so a session ended since then is still accepted. */
  async execute({ sessionId }: RecordActivity): Promise<void> {
    if (this.activity.wasToldLately(sessionId)) return;
    const accountId = await accountOfSession(this.pool, sessionId);
    const fold = accountId === undefined ? null : await this.accounts.current(accountStreamId(accountId));
    if (!fold || !liveSession(fold.state.sessions, sessionId, fold.now)) {
      throw new DomainError('SESSION_NOT_FOUND', 'no such active session');
    }
    this.activity.record({ sessionId, at: fold.now });
  }
}
