import type { PastSessionPage } from '../queries/list-past-sessions.js';
import type { PageRequest, SessionPage, SessionView } from '../queries/session-view.js';
import { pagination, type SessionOutput, type SessionsOutput } from './output.js';

const texts = new WeakMap<
  SessionPage,
  { text: string; page: number; limit: number; currentToken: string | null }
>();

/** The output as JSON. Of the same page, which a later list often is, to the same session, it is not written again. */
export function toSessionsText(
  sessions: SessionPage,
  { page, limit }: PageRequest,
  currentToken: string | null,
): string {
  const known = texts.get(sessions);
  if (known?.page === page && known.limit === limit && known.currentToken === currentToken) return known.text;
  const text = JSON.stringify(toSessionsOutput(sessions, { page, limit }, currentToken));
  texts.set(sessions, { text, page, limit, currentToken });
  return text;
}

export function toSessionsOutput(
  { sessions, total }: SessionPage,
  { page, limit }: PageRequest,
  currentToken: string | null,
): SessionsOutput {
  return {
    data: sessions.map((session) => toSessionOutput(session, currentToken)),
    currentToken,
    pagination: pagination(page, limit, total),
  };
}

/** `who` asks: an account is not told which service ended a session. */
export function toPastSessionsOutput(
  { sessions, total }: PastSessionPage,
  page: PageRequest,
  currentToken: string | null,
  who: 'account' | 'service',
): SessionsOutput {
  const output = toSessionsOutput({ sessions, total }, page, currentToken);
  const data = output.data.map((session, i) => {
    const { endedAt = null, endReason = null, endedBy = null } = sessions[i]!.end ?? {};
    const isTold = endedBy !== null && (who === 'service' || endedBy.type === 'account');
    return { ...session, endedAt, endReason, endedBy: isTold ? endedBy.credential : null };
  });
  return { ...output, data };
}

export function toSessionOutput(session: SessionView, currentToken: string | null): SessionOutput {
  const isCurrent = session.sessionId === currentToken;
  return {
    token: session.sessionId,
    issuedAt: session.issuedAt,
    expiresAt: session.expiresAt,
    expiresAtTimestamp: Date.parse(session.expiresAt),
    isCurrent,
    ipAddress: session.ipAddress,
    userAgent: session.userAgent,
    browser: session.browser,
    os: session.os,
    device: session.device,
    lastSeenAt: session.lastSeenAt,
    firstSeenAt: session.issuedAt,
    fingerprint: isCurrent ? session.fingerprint : null,
  };
}
