import type { Instant } from '#domain/instant.js';
import type { AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { ActivityRecorder } from '../activity/activity-recorder.js';
import { newestFirst, type PageRequest, type SessionPage, type SessionView } from './session-view.js';

const FORGOTTEN_EVERY_MS = 5 * 60_000;

/**
 * What lists have said of sessions, by the fold of their account: a fold never changes, and whatever is recorded of the
 * account (an erasure too) makes another one. For as long as a fold is the account's newest, only when its sessions were
 * last seen can have changed. What is personal is in the clear here, so that all is forgotten every five minutes.
 */
export class KnownSessions {
  private views = new WeakMap<AccountState, Map<string, SessionView>>();

  constructor(private readonly activity: ActivityRecorder) {
    setInterval(() => (this.views = new WeakMap()), FORGOTTEN_EVERY_MS).unref();
  }

  keep(state: AccountState, sessions: readonly SessionView[]): void {
    const known = this.views.get(state) ?? new Map<string, SessionView>();
    for (const session of sessions) known.set(session.sessionId, session);
    this.views.set(state, known);
  }

  /** The page as it is at the fold's moment; null when something of it has not been listed before. */
  async page({ state, now }: CurrentFold<AccountState>, page: PageRequest): Promise<SessionPage | null> {
    const known = this.views.get(state);
    if (!known) return null;
    const { shown, total } = newestFirst(state, now, page);
    const views = shown.flatMap(({ sessionId }) => known.get(sessionId) ?? []);
    if (views.length < shown.length) return null;
    const seen = await this.activity.lastSeen(views.map(({ sessionId }) => sessionId));
    return {
      total,
      sessions: views.map((view) => seenAt(view, seen.get(view.sessionId) ?? view.issuedAt)),
    };
  }
}

const seenAt = (view: SessionView, lastSeenAt: Instant): SessionView =>
  view.lastSeenAt === lastSeenAt ? view : { ...view, lastSeenAt };
