import { hash } from 'node:crypto';
import { isAccountId } from '#domain/account-id.js';
import { isSessionId } from '#domain/identifier.js';
import type { Instant } from '#domain/instant.js';
import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { SIGNING_ALGORITHM } from './new-signing-key.js';
import type { SigningKeys } from './signing-keys.js';

const TYPE = 'signoff-session+jwt';
const MAX_LENGTH = 4_096;
const KEEP_VERIFIED = 50_000;

/** RFC 7519. `iat` and `exp` in seconds since 1970. */
export interface SessionClaims {
  readonly iss: string;
  readonly sub: string;
  readonly sid: string;
  readonly iat: number;
  readonly exp: number;
}

interface Verified {
  readonly claims: SessionClaims;
  readonly kid: string;
}

/** Signs session credentials, and says whether a text is one. Whether its session lives is for others to say. */
export class SessionCredentials {
  /** By the hash of the whole text: no credential is kept. */
  private readonly verified = new LRUCache<string, Verified>({ max: KEEP_VERIFIED });

  constructor(
    private readonly keys: SigningKeys,
    private readonly issuer: string,
    private readonly audience: string | undefined,
  ) {}

  /** The same session and times give the same credential, as long as the signing key is the same. */
  async sign(session: {
    sessionId: string;
    accountId: string;
    issuedAt: Instant;
    expiresAt: Instant;
  }): Promise<string> {
    const { kid, privateKey } = await this.keys.current();
    const token = new SignJWT({ sid: session.sessionId })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid })
      .setIssuer(this.issuer)
      .setSubject(session.accountId)
      .setIssuedAt(Math.floor(Date.parse(session.issuedAt) / 1000))
      .setExpirationTime(Date.parse(session.expiresAt) / 1000);
    if (this.audience) token.setAudience(this.audience);
    return token.sign(privateKey);
  }

  /**
   * The claims of a credential that this service signed, or null. `exp` has to be compared with PostgreSQL's clock.
   * Signatures are checked once; whether the key still counts is asked each time. Not waited for where both are known.
   */
  verify(text: string): SessionClaims | null | Promise<SessionClaims | null> {
    if (text.length > MAX_LENGTH) return null;
    const fingerprint = hash('sha256', text, 'base64');
    const known = this.verified.get(fingerprint);
    return known && this.keys.isAccepted(known.kid) ? known.claims : this.verifyAnew(text, fingerprint);
  }

  private async verifyAnew(text: string, fingerprint: string): Promise<SessionClaims | null> {
    const verified = await this.check(text);
    if (verified) this.verified.set(fingerprint, verified);
    return verified?.claims ?? null;
  }

  private async check(text: string): Promise<Verified | null> {
    try {
      const { payload, protectedHeader } = await jwtVerify<SessionClaims>(
        text,
        async ({ kid }) => {
          const key = kid === undefined ? undefined : await this.keys.find(kid);
          if (!key) throw new errors.JWKSNoMatchingKey();
          return key;
        },
        {
          algorithms: [SIGNING_ALGORITHM],
          typ: TYPE,
          issuer: this.issuer,
          audience: this.audience,
          requiredClaims: ['sub', 'sid', 'iat', 'exp'],
          // Expiry is judged by PostgreSQL's clock, with the session's state.
          currentDate: new Date(0),
        },
      );
      return isAccountId(payload.sub) && isSessionId(payload.sid)
        ? { claims: payload, kid: protectedHeader.kid! }
        : null;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}
