import type { Instant } from '#domain/instant.js';
import { accountStreamId } from '#event-log/account-stream.js';
import { readWholeStream } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import { IdleSessions } from '../activity/idle-sessions.js';
import { type SessionHistory, sessionHistories } from './session-histories.js';
import { viewsFromLog } from './sessions-from-log.js';
import type { PageRequest, SessionView } from './session-view.js';

export type SessionStatus = 'active' | 'ended' | 'all';

export interface PastSession extends SessionView {
  readonly end: SessionHistory['end'];
}

export interface PastSessionPage {
  readonly sessions: readonly PastSession[];
  readonly total: number;
}

/** The sessions of an account as they were at a moment, or are, newest first. */
export class ListPastSessions extends Query<PastSessionPage> {
  constructor(
    readonly accountId: string,
    readonly status: SessionStatus,
    readonly page: PageRequest,
    /** Now, unless given. */
    readonly at?: Instant,
  ) {
    super();
  }
}

/**
 * From the account's whole stream in the log, read after the question came: as strict as the list of active sessions,
 * wherever the projector is. It costs what the account's history is long.
 */
@QueryHandler(ListPastSessions)
export class ListPastSessionsHandler implements IQueryHandler<ListPastSessions> {
  constructor(
    private readonly pool: Pool,
    private readonly vault: Vault,
    private readonly activity: ActivityRecorder,
    private readonly idle: IdleSessions,
  ) {}

  async execute({
    accountId,
    status,
    page: { page, limit },
    at,
  }: ListPastSessions): Promise<PastSessionPage> {
    if (!at) await this.idle.endAll(accountId);
    const stream = readWholeStream(this.pool, accountStreamId(accountId));
    const histories = await sessionHistories(stream, at ?? (await this.now()));
    const found = histories
      .filter(({ end }) => status === 'all' || (status === 'ended') === (end !== null))
      .toReversed();
    const shown = found.slice((page - 1) * limit, page * limit);
    const issues = new Map(shown.map(({ sessionId, issue }) => [sessionId, issue]));
    const views = await viewsFromLog(issues, shown, this.vault, this.activity);
    return {
      total: found.length,
      sessions: views.map((view, i) => ({ ...view, ...(at && seenBy(view, at)), end: shown[i]!.end })),
    };
  }

  private async now(): Promise<Instant> {
    const { rows } = await this.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    return rows[0]!.now.toISOString();
  }
}

/** When it was last seen is not history: of an earlier moment it may not be known any more. */
const seenBy = ({ lastSeenAt, issuedAt }: SessionView, at: Instant) => ({
  lastSeenAt: lastSeenAt > at ? issuedAt : lastSeenAt,
});
