import type { Instant } from '../instant.js';

export const REVOCATION_REASONS = ['user', 'user_all', 'operator', 'policy', 'limit', 'idle'] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export interface SessionIssued {
  readonly type: 'SessionIssued';
  readonly data: { readonly sessionId: string; readonly issuedAt: Instant; readonly expiresAt: Instant };
}

export interface SessionExtended {
  readonly type: 'SessionExtended';
  readonly data: { readonly sessionId: string; readonly expiresAt: Instant };
}

export interface SessionRevoked {
  readonly type: 'SessionRevoked';
  readonly data: {
    readonly sessionId: string;
    readonly reason: RevocationReason;
    /** The latest `exp` ever signed for the session: until then a subscriber has to remember it. */
    readonly credentialsExpireAt: Instant;
  };
}

export type AccountSessionEvent = SessionIssued | SessionExtended | SessionRevoked;
