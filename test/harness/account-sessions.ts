import { accountSessions } from '#domain/account-sessions/decider.js';
import type {
  RevocationReason,
  SessionExtended,
  SessionIssued,
  SessionRevoked,
} from '#domain/account-sessions/events.js';
import { scenario } from './scenario.js';

/** `given()` for the sessions of one account, in the morning of a fixed day. */
export const given = scenario(accountSessions);

export const at = (time: string) => `2026-11-24T${time}Z`;

export const issued = (
  sessionId: string,
  { from = at('08:00:00.000'), until = at('20:00:00.000') } = {},
): SessionIssued => ({ type: 'SessionIssued', data: { sessionId, issuedAt: from, expiresAt: until } });

export const extended = (sessionId: string, until: string): SessionExtended => ({
  type: 'SessionExtended',
  data: { sessionId, expiresAt: until },
});

export const revoked = (
  sessionId: string,
  reason: RevocationReason,
  credentialsExpireAt = at('20:00:00.000'),
): SessionRevoked => ({ type: 'SessionRevoked', data: { sessionId, reason, credentialsExpireAt } });
