import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import type { LookMoment } from '#event-log/stream-look.js';
import { Vault } from '#event-log/vault.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import { IdleSessions } from '../activity/idle-sessions.js';
import { KnownSessions } from './known-sessions.js';
import { sessionsFromLog } from './sessions-from-log.js';
import { sessionsFromReadModel } from './sessions-from-read-model.js';
import type { PageRequest, SessionPage } from './session-view.js';

/** The active sessions of an account, newest first: complete at every process, however far the projector is behind. */
export class ListActiveSessions extends Query<SessionPage> {
  constructor(
    readonly accountId: string,
    readonly page: PageRequest,
    /** A look since it was asked, if there was one: nothing older is answered. */
    readonly since?: LookMoment,
  ) {
    super();
  }
}

@QueryHandler(ListActiveSessions)
export class ListActiveSessionsHandler implements IQueryHandler<ListActiveSessions> {
  private readonly known: KnownSessions;
  private readonly fromReadModel: ReturnType<typeof sessionsFromReadModel>;

  constructor(
    pool: Pool,
    private readonly accounts: AccountFolds,
    private readonly vault: Vault,
    private readonly activity: ActivityRecorder,
    private readonly idle: IdleSessions,
  ) {
    this.known = new KnownSessions(activity);
    this.fromReadModel = sessionsFromReadModel(pool, vault);
  }

  async execute({ accountId, page, since }: ListActiveSessions): Promise<SessionPage> {
    const ended = await this.idle.endAll(accountId);
    const account =
      since && ended === 0 ? await this.accounts.current(accountStreamId(accountId), since) : undefined;
    const known = account && (await this.known.page(account, page));
    if (known) return known;
    const found = await this.fromReadModel({ accountId, page });
    if (found && account && found.position === account.position)
      this.known.keep(account.state, found.sessions);
    return found ?? (await sessionsFromLog(this.accounts, this.vault, this.activity, accountId, page));
  }
}
