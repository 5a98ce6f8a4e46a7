import type { Instant } from '#domain/instant.js';

/** A session as its account sees it. What is not known, or was erased, is null. */
export interface SessionView {
  readonly sessionId: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  readonly lastSeenAt: Instant;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly fingerprint: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  readonly total: number;
}

export interface PageRequest {
  readonly page: number;
  readonly limit: number;
}
