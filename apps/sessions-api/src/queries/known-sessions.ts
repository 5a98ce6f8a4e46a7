import { liveSessions } from '#domain/account-sessions/decider.js';
import type { Instant } from '#domain/instant.js';
import type { AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { ActivityRecorder } from '../activity/activity-recorder.js';
import { newestFirst, type PageRequest, type SessionPage, type SessionView } from './session-view.js';

const FORGOTTEN_EVERY_MS = 5 * 60_000;
/** Uses are told once a minute: nobody knows when a session was last seen to the second. */
const LAST_SEEN_ASKED_EVERY_MS = 10_000;

interface Known {
  readonly views: Map<string, SessionView>;
  newest?: Listed;
}

/** What a list has said, and for how long it counts, if none of its sessions is seen. */
interface Listed {
  readonly said: SessionPage;
  readonly page: PageRequest;
  /** When the next of the account's sessions expires; null when it has none. */
  readonly until: Instant | null;
  readonly turn: number;
}

/**
 * What lists have said of sessions, by the fold of their account: a fold never changes, and whatever is recorded of the
 * account (an erasure too) makes another one. For as long as a fold is the account's newest, only when its sessions were
 * last seen can have changed: at other processes up to ten seconds ago. What is personal is in the clear here, so that all
 * is forgotten every five minutes.
 */
export class KnownSessions {
  private known = new WeakMap<AccountState, Known>();
  /** Of asking when sessions were last seen. */
  private turn = 0;

  constructor(private readonly activity: ActivityRecorder) {
    setInterval(() => (this.known = new WeakMap()), FORGOTTEN_EVERY_MS).unref();
    setInterval(() => this.turn++, LAST_SEEN_ASKED_EVERY_MS).unref();
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
    if (known.newest && this.counts(known.newest, page, now)) return known.newest.said;
    const { turn } = this;
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
    const before = known.newest?.said;
    const said = isSame(before, { sessions, total }) ? before : { sessions, total };
    const [until = null] = liveSessions(state.sessions, now)
      .map(({ expiresAt }) => expiresAt)
      .sort();
    known.newest = { said, page, until, turn };
    return said;
  }

  private counts({ said, page, until, turn }: Listed, asked: PageRequest, now: Instant): boolean {
    return (
      turn === this.turn &&
      page.page === asked.page &&
      page.limit === asked.limit &&
      (until === null || now < until) &&
      said.sessions.every(({ sessionId, lastSeenAt }) => !this.activity.wasToldSince(sessionId, lastSeenAt))
    );
  }
}

const isSame = (one: SessionPage | undefined, { sessions, total }: SessionPage): one is SessionPage =>
  one?.total === total &&
  one.sessions.length === sessions.length &&
  one.sessions.every((session, i) => session === sessions[i]);
