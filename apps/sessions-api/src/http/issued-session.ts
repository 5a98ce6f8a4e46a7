import type { PersonalData } from '#event-log/sealing.js';
import type { ExtendedSession } from '../commands/extend-session.js';
import { IssueSession, type IssuedSession } from '../commands/issue-session.js';
import type { Caller } from '../access/caller.js';
import type { IssueInput } from './input.js';
import type { IssuedOutput } from './output.js';

export function toIssueSession(caller: Caller, input: IssueInput): IssueSession {
  const { accountId, lifetime, ipAddress, userAgent, fingerprint } = input;
  const personal = Object.fromEntries(
    Object.entries({ ipAddress, userAgent, fingerprint }).filter(([, value]) => value !== undefined),
  ) as PersonalData;
  return new IssueSession(caller, accountId, lifetime, personal);
}

export const toIssuedOutput = (issued: IssuedSession): IssuedOutput => ({
  data: { ...toCredential(issued), ended: [...issued.ended] },
});

export const toCredential = (session: ExtendedSession) => ({
  token: session.sessionId,
  accountId: session.accountId,
  issuedAt: session.issuedAt,
  expiresAt: session.expiresAt,
  accessToken: session.credential,
  tokenType: 'Bearer' as const,
});
