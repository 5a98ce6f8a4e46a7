import type { Revocation } from './protocol.js';

/** A session whose credential was found good, and which was not ended. */
export interface VerifiedSession {
  readonly sessionId: string;
  readonly accountId: string;
  /** `iat`: seconds since 1970. */
  readonly issuedAt: number;
  /** `exp`: seconds since 1970. */
  readonly expiresAt: number;
}

/** What a service knows of the sessions that Signoff has ended. */
export interface Revocations {
  /**
   * Resolves as soon as every revocation is held and that is no older than `maxStaleness`: at once when it is so already. It
   * waits as long as that takes; rejects with `REVOCATIONS_CLOSED` when `close()` is called before.
   */
  ready(): Promise<void>;

  /**
   * Whether the session was ended. In memory, by two clocks and a table; allocates nothing and waits for nothing.
   *
   * @param sessionId `sid` of the session's credential: `session_` and 22 base62 characters
   * @throws RevocationsError `REVOCATIONS_STALE` under the policy `refuse`, when it is not held and something may be missing;
   *   `SESSION_ID_INVALID`, `REVOCATIONS_CLOSED`
   */
  isRevoked(sessionId: string): boolean;

  /**
   * The session that a credential is for. Checks signature (EdDSA, by the key set of the options), type, issuer, audience
   * and expiry, then whether the session was ended. What was checked once is remembered by the SHA-256 of the whole text,
   * but for expiry, revocation and whether the key is still published.
   *
   * @param credential the JWT, without `Bearer`
   * @throws RevocationsError with any of its codes
   */
  verifySession(credential: string): Promise<VerifiedSession>;

  /** Milliseconds since it was certain that no revocation was missing; `Infinity` when it never was. */
  staleness(): number;

  /** Every revocation up to this position of Signoff's log is held; 0 before the first. Never goes back within one log. */
  readonly position: number;

  /** How many revocations are held: those whose credentials may still be in use, and some that will soon be dropped. */
  readonly size: number;

  /**
   * Calls back for every revocation that becomes known, once each, those of the time before the start included. When the log
   * is replaced by another (a backup was restored) all are told again. What the callback throws ends the process like any
   * other uncaught exception.
   *
   * @returns ends the calls
   */
  onRevoked(callback: (revocation: Revocation) => void): () => void;

  /** Signs off and disconnects, within a second or two. From then on every question is answered with `REVOCATIONS_CLOSED`. */
  close(): Promise<void>;
}
