import { hash } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { KeySet } from './key-set.js';
import { RevocationsError, type RevocationsErrorCode } from './revocations-error.js';
import type { VerifiedSession } from './revocations.js';
import { isSessionId } from './session-id.js';

const TYPE = 'signoff-session+jwt';
const ALGORITHM = 'EdDSA';
const MAX_LENGTH = 4_096;
/** Stricter than the decoder, which passes over white space and takes base64 as well. */
const COMPACT_FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const KEEP_VERIFIED = 10_000;

interface Verified extends VerifiedSession {
  readonly kid: string;
}

export interface SessionVerifierOptions {
  readonly keys: KeySet;
  readonly issuer: string;
  readonly audience: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Says whether a text is a credential that Signoff has signed and that has not expired; revocation is for others to judge. */
export class SessionVerifier {
  /** By SHA-256 of the whole text; the one that was not used for longest goes first. */
  private readonly verified = new Map<string, Verified>();

  constructor(private readonly options: SessionVerifierOptions) {}

  async verify(credential: string): Promise<VerifiedSession> {
    if (typeof credential !== 'string') {
      throw new RevocationsError('CREDENTIAL_MALFORMED', 'the credential is not a text', {
        type: typeof credential,
      });
    }
    if (credential.length > MAX_LENGTH) {
      const facts = { length: credential.length, maxLength: MAX_LENGTH };
      throw new RevocationsError(
        'CREDENTIAL_TOO_LONG',
        `the credential has more than ${MAX_LENGTH} characters`,
        facts,
      );
    }
    const fingerprint = hash('sha256', credential, 'base64');
    const { kid, ...session } = (await this.remembered(fingerprint)) ?? (await this.check(credential));
    if (session.expiresAt * 1_000 <= this.options.now()) {
      const facts = { expiresAt: session.expiresAt };
      throw new RevocationsError('CREDENTIAL_EXPIRED', 'the credential has expired', facts);
    }
    this.remember(fingerprint, { kid, ...session });
    return session;
  }

  private async remembered(fingerprint: string): Promise<Verified | undefined> {
    const known = this.verified.get(fingerprint);
    if (!known) return undefined;
    this.verified.delete(fingerprint);
    return (await this.options.keys.publishes(known.kid)) ? known : undefined;
  }

  private remember(fingerprint: string, verified: Verified): void {
    this.verified.set(fingerprint, verified);
    if (this.verified.size > KEEP_VERIFIED) this.verified.delete(this.verified.keys().next().value!);
  }

  private async check(credential: string): Promise<Verified> {
    const kid = kidOf(credential);
    try {
      const { payload } = await jwtVerify(credential, this.options.keys.find, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: this.options.issuer,
        audience: this.options.audience,
        requiredClaims: ['sub', 'sid', 'iat', 'exp'],
        currentDate: new Date(this.options.now()),
      });
      return { kid, ...sessionIn(payload) };
    } catch (error) {
      if (error instanceof RevocationsError) throw error;
      const code = error instanceof errors.JOSEError ? codeOf(error) : 'CREDENTIAL_MALFORMED';
      throw new RevocationsError(code, (error as Error).message, error);
    }
  }
}

/** Signoff writes `alg`, `typ` and `kid`; whatever else stands there asks for something that is not to be done. */
function kidOf(credential: string): string {
  if (!COMPACT_FORM.test(credential)) {
    throw new RevocationsError('CREDENTIAL_MALFORMED', 'not a JWT in compact form', {
      form: String(COMPACT_FORM),
    });
  }
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(credential);
  } catch (cause) {
    throw new RevocationsError('CREDENTIAL_MALFORMED', 'the header is not JSON', cause);
  }
  const { alg, typ, kid, ...more } = header;
  if (Object.keys(more).length > 0) {
    throw new RevocationsError('HEADER_REFUSED', 'the header has more than alg, typ and kid', { header });
  }
  if (alg !== ALGORITHM)
    throw new RevocationsError('ALGORITHM_REFUSED', `alg is not ${ALGORITHM}`, { header });
  if (typ !== TYPE) throw new RevocationsError('TYPE_INVALID', `typ is not ${TYPE}`, { header });
  if (typeof kid !== 'string')
    throw new RevocationsError('KEY_UNKNOWN', 'the header names no key', { header });
  return kid;
}

function sessionIn({ sub, sid, iat, exp }: JWTPayload): VerifiedSession {
  const complete =
    typeof sub === 'string' &&
    sub !== '' &&
    isSessionId(sid) &&
    Number.isInteger(iat) &&
    Number.isInteger(exp);
  if (!complete)
    throw new RevocationsError('CLAIMS_INVALID', 'a claim is not of its kind', { sub, sid, iat, exp });
  return { sessionId: sid, accountId: sub, issuedAt: iat!, expiresAt: exp! };
}

function codeOf(error: errors.JOSEError): RevocationsErrorCode {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'SIGNATURE_INVALID';
  if (error instanceof errors.JWTExpired) return 'CREDENTIAL_EXPIRED';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'ALGORITHM_REFUSED';
  if (error instanceof errors.JOSENotSupported) return 'HEADER_REFUSED';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return 'ISSUER_INVALID';
    if (error.claim === 'aud') return 'AUDIENCE_INVALID';
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'CREDENTIAL_NOT_YET_VALID';
    return 'CLAIMS_INVALID';
  }
  return 'CREDENTIAL_MALFORMED';
}
