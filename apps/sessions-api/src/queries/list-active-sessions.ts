import { AccountFolds } from '#event-log/account-stream.js';
import { Vault } from '#event-log/vault.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import { IdleSessions } from '../activity/idle-sessions.js';
import { sessionsFromLog } from './sessions-from-log.js';
import { sessionsFromReadModel } from './sessions-from-read-model.js';
import type { PageRequest, SessionPage } from './session-view.js';

/** The active sessions of an account, newest first: complete at every process, however far the projector is behind. */
export class ListActiveSessions extends Query<SessionPage> {
  constructor(
    readonly accountId: string,
    readonly page: PageRequest,
  ) {
    super();
  }
}

@QueryHandler(ListActiveSessions)
export class ListActiveSessionsHandler implements IQueryHandler<ListActiveSessions> {
  private readonly fromReadModel: ReturnType<typeof sessionsFromReadModel>;

  constructor(
    pool: Pool,
    private readonly accounts: AccountFolds,
    private readonly vault: Vault,
    private readonly activity: ActivityRecorder,
    private readonly idle: IdleSessions,
  ) {
    this.fromReadModel = sessionsFromReadModel(pool);
  }

  async execute({ accountId, page }: ListActiveSessions): Promise<SessionPage> {
    await this.idle.endAll(accountId);
    return (
      (await this.fromReadModel({ accountId, page })) ??
      (await sessionsFromLog(this.accounts, this.vault, this.activity, accountId, page))
    );
  }
}
