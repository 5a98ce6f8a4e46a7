import { RevocationsError, type RevocationsErrorCode } from './revocations-error.js';
import type { Revocations, VerifiedSession } from './revocations.js';

/** Why somebody is not let in. Options that make no sense are not the asker's fault. */
export type RefusalCode = 'CREDENTIAL_MISSING' | Exclude<RevocationsErrorCode, 'OPTIONS_INVALID'>;

const STATUSES = {
  CREDENTIAL_MISSING: 401,
  CREDENTIAL_TOO_LONG: 401,
  CREDENTIAL_MALFORMED: 401,
  CREDENTIAL_EXPIRED: 401,
  CREDENTIAL_NOT_YET_VALID: 401,
  TYPE_INVALID: 401,
  ALGORITHM_REFUSED: 401,
  HEADER_REFUSED: 401,
  KEY_UNKNOWN: 401,
  SIGNATURE_INVALID: 401,
  ISSUER_INVALID: 401,
  AUDIENCE_INVALID: 401,
  CLAIMS_INVALID: 401,
  SESSION_ID_INVALID: 401,
  SESSION_REVOKED: 401,
  REVOCATIONS_STALE: 503,
  REVOCATIONS_CLOSED: 503,
  KEYS_UNAVAILABLE: 503,
} as const satisfies Record<RefusalCode, 401 | 503>;

const TITLES = { 401: 'Unauthorized', 503: 'Service Unavailable' };
const RETRY_AFTER_SECONDS = '1';
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** What whoever asks gets instead of an answer. */
export class Refusal {
  readonly status: 401 | 503;

  constructor(
    readonly code: RefusalCode,
    readonly message: string,
    readonly cause?: RevocationsError,
  ) {
    this.status = STATUSES[code];
  }

  /** RFC 6750, section 3: who sends no credential is not told of an error. */
  get headers(): Record<string, string> {
    if (this.status === 503) return { 'retry-after': RETRY_AFTER_SECONDS };
    const error = this.code === 'CREDENTIAL_MISSING' ? '' : ', error="invalid_token"';
    return { 'www-authenticate': `Bearer realm="signoff"${error}` };
  }

  /** RFC 9457: `application/problem+json`. */
  get problem(): object {
    const { status, code, message: detail } = this;
    return { type: 'about:blank', title: TITLES[status], status, code, detail };
  }
}

/** The credential in a header `Authorization`, if there is one of the scheme `Bearer`. */
export const bearerIn = (authorization: unknown): string | undefined =>
  typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;

/** The session of whoever asks, or why not. What is nobody's fault but the service's is thrown. */
export async function admit(
  revocations: Revocations,
  credential: string | undefined,
): Promise<VerifiedSession | Refusal> {
  if (credential === undefined) return new Refusal('CREDENTIAL_MISSING', 'a session credential is needed');
  try {
    return await revocations.verifySession(credential);
  } catch (error) {
    if (!(error instanceof RevocationsError) || error.code === 'OPTIONS_INVALID') throw error;
    return new Refusal(error.code, error.message, error);
  }
}
