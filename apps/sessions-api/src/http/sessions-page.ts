import type { PageRequest, SessionPage, SessionView } from '../queries/session-view.js';
import { pagination, type SessionOutput, type SessionsOutput } from './output.js';

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
