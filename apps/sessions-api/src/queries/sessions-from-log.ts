import { liveSessions } from '#domain/account-sessions/decider.js';
import { accountStreamId, type AccountFolds } from '#event-log/account-stream.js';
import type { Vault } from '#event-log/vault.js';
import { describeUserAgent } from '#read-model/user-agent.js';
import type { PageRequest, SessionPage } from './session-view.js';

/** The same answer as the read model's, folded from the account's stream: always complete. */
export async function sessionsFromLog(
  accounts: AccountFolds,
  vault: Vault,
  accountId: string,
  { page, limit }: PageRequest,
): Promise<SessionPage> {
  const { state, now } = await accounts.current(accountStreamId(accountId));
  const newestFirst = liveSessions(state.sessions, now)
    .map((session) => ({ session, issue: state.issues.get(session.sessionId)! }))
    .sort((one, other) => other.issue.position - one.issue.position);
  const shown = newestFirst.slice((page - 1) * limit, page * limit);
  const personal = await vault.open(shown.map(({ issue }) => issue));
  return {
    total: newestFirst.length,
    sessions: shown.map(({ session }, i) => {
      const { ipAddress = null, userAgent = null, fingerprint = null } = personal[i] ?? {};
      return { ...session, ipAddress, userAgent, fingerprint, ...describeUserAgent(userAgent) };
    }),
  };
}
