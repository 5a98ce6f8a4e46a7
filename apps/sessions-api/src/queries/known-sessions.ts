import type { AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { ActivityRecorder } from '../activity/activity-recorder.js';
import { newestFirst, type PageRequest, type SessionPage, type SessionView } from './session-view.js';

const FORGOTTEN_EVERY_MS = 5 * 60_000;

interface Known {
  readonly views: Map<string, SessionView>;
  newest?: SessionPage;
}

/**
 * What lists have said of sessions, by the fold of their account: a fold never changes, and whatever is recorded of the
 * account (an erasure too) makes another one. For as long as a fold is the account's newest, only when its sessions were
 * last seen can have changed. What is personal is in the clear here, so that all is forgotten every five minutes.
 */
export class KnownSessions {
  private known = new WeakMap<AccountState, Known>();

  constructor(private readonly activity: ActivityRecorder) {
    setInterval(() => (this.known = new WeakMap()), FORGOTTEN_EVERY_MS).unref();
  }

  keep(state: AccountState, sessions: readonly SessionView[]): void {
    const { views } = this.known.get(state) ?? { views: new Map<string, SessionView>() };
    for (const session of sessions) views.set(session.sessionId, session);
    this.known.set(state, { views });
  }

  /**
   * The page as it is at the fold's moment; null when something of it has not been listed before. As long as it says the
   * same it is the same object.
   */
  async page({ state, now }: CurrentFold<AccountState>, page: PageRequest): Promise<SessionPage | null> {
    const known = this.known.get(state);
    if (!known) return null;
    const { shown, total } = newestFirst(state, now, page);
    const views = shown.flatMap(({ sessionId }) => known.views.get(sessionId) ?? []);
    if (views.length < shown.length) return null;
    const seen = await this.activity.lastSeen(views.map(({ sessionId }) => sessionId));
    const sessions = views.map((view) => {
      const lastSeenAt = seen.get(view.sessionId) ?? view.issuedAt;
      if (view.lastSeenAt === lastSeenAt) return view;
      const next = { ...view, lastSeenAt };
      known.views.set(view.sessionId, next);
      return next;
    });
    if (!isSame(known.newest, { sessions, total })) known.newest = { sessions, total };
    return known.newest!;
  }
}

const isSame = (one: SessionPage | undefined, { sessions, total }: SessionPage) =>
  one?.total === total &&
  one.sessions.length === sessions.length &&
  one.sessions.every((session, i) => session === sessions[i]);
