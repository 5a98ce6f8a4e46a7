import type { PageRequest, SessionPage } from '../queries/session-view.js';
import { pagination, type SessionsOutput } from './output.js';

export function toSessionsOutput(
  { sessions, total }: SessionPage,
  { page, limit }: PageRequest,
  currentToken: string | null,
): SessionsOutput {
  return {
    data: sessions.map((session) => {
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
        lastSeenAt: session.issuedAt,
        firstSeenAt: session.issuedAt,
        fingerprint: isCurrent ? session.fingerprint : null,
      };
    }),
    currentToken,
    pagination: pagination(page, limit, total),
  };
}
