/** Why a credential, a session or the library itself was refused. A closed union: new codes come with a new major version. */
export type RevocationsErrorCode =
  /** The session was ended. `cause`: `{ sessionId }`. */
  | 'SESSION_REVOKED'
  /** Not a session identifier (`session_` and 22 base62 characters). `cause`: a `RangeError`. */
  | 'SESSION_ID_INVALID'
  /** Whether it was ended is not known: no proof of having everything is younger than `maxStaleness`. `cause`: `StaleCause`. */
  | 'REVOCATIONS_STALE'
  /** `close()` was called. */
  | 'REVOCATIONS_CLOSED'
  /** The options make no sense, or lack what was asked for. */
  | 'OPTIONS_INVALID'
  /** More than 4,096 characters. */
  | 'CREDENTIAL_TOO_LONG'
  /** Not a JWT in compact form. */
  | 'CREDENTIAL_MALFORMED'
  /** `exp` has passed. */
  | 'CREDENTIAL_EXPIRED'
  /** `nbf` or `iat` lies ahead. */
  | 'CREDENTIAL_NOT_YET_VALID'
  /** A JWT of another kind: `typ` is not `signoff-session+jwt`. */
  | 'TYPE_INVALID'
  /** Not signed with EdDSA. */
  | 'ALGORITHM_REFUSED'
  /** The header has more than `alg`, `typ` and `kid`, such as a key of its own or the address of one. */
  | 'HEADER_REFUSED'
  /** No key of the key set has this `kid`. */
  | 'KEY_UNKNOWN'
  /** The key set could not be had. */
  | 'KEYS_UNAVAILABLE'
  | 'SIGNATURE_INVALID'
  | 'ISSUER_INVALID'
  | 'AUDIENCE_INVALID'
  /** A claim is missing or is not of its kind. */
  | 'CLAIMS_INVALID';

/** `cause` of `REVOCATIONS_STALE`. */
export interface StaleCause {
  /** Milliseconds; `Infinity` when it was never complete. */
  readonly staleness: number;
  /** Milliseconds. */
  readonly maxStaleness: number;
  /** What went wrong last, if anything did. */
  readonly lastError: unknown;
}

/** The only error that this library throws. `cause` is always there: the error beneath, or the facts it was judged by. */
export class RevocationsError extends Error {
  override readonly name = 'RevocationsError';

  constructor(
    readonly code: RevocationsErrorCode,
    message: string,
    override readonly cause: unknown,
  ) {
    super(message, { cause });
  }
}

export const invalidOption = (option: string, value: unknown) =>
  new RevocationsError('OPTIONS_INVALID', `${option} is missing or makes no sense: ${String(value)}`, {
    option,
    value,
  });
