import type { Session } from '#domain/account-sessions/decider.js';
import { type AccountFolds, accountStreamId, type SessionIssue } from '#event-log/account-stream.js';
import type { Vault } from '#event-log/vault.js';
import type { ActivityRecorder } from '../activity/activity-recorder.js';
import {
  newestFirst,
  sessionView,
  type PageRequest,
  type SessionPage,
  type SessionView,
} from './session-view.js';

/** The same answer as the read model's, folded from the account's stream: always complete. */
export async function sessionsFromLog(
  accounts: AccountFolds,
  vault: Vault,
  activity: ActivityRecorder,
  accountId: string,
  page: PageRequest,
): Promise<SessionPage> {
  const { state, now } = await accounts.current(accountStreamId(accountId));
  const { shown, total } = newestFirst(state, now, page);
  return { total, sessions: await viewsFromLog(state.issues, shown, vault, activity) };
}

export async function viewsFromLog(
  issues: ReadonlyMap<string, SessionIssue>,
  sessions: readonly Session[],
  vault: Vault,
  activity: ActivityRecorder,
): Promise<SessionView[]> {
  const [personal, seen] = await Promise.all([
    vault.open(sessions.map(({ sessionId }) => issues.get(sessionId)!)),
    activity.lastSeen(sessions.map(({ sessionId }) => sessionId)),
  ]);
  return sessions.map((session, i) =>
    sessionView(session, seen.get(session.sessionId) ?? session.issuedAt, personal[i] ?? null),
  );
}
