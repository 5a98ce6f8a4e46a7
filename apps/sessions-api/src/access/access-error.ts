export type AccessErrorCode =
  | 'CREDENTIAL_MISSING'
  | 'CREDENTIAL_INVALID'
  | 'ACCOUNT_CREDENTIAL_REQUIRED'
  | 'SERVICE_KEY_REQUIRED'
  | 'SCOPE_MISSING';

/**
 * Whoever asks is not known, or may not do this. `scope` is the one that is missing, `credential` the public name of one
 * that is no longer valid, or, in an API key whose secret is wrong, the name that it claims.
 */
export class AccessError extends Error {
  constructor(
    readonly code: AccessErrorCode,
    message: string,
    readonly scope?: string,
    readonly credential?: string,
  ) {
    super(message);
    this.name = 'AccessError';
  }
}

/** `credential`: as in the error. */
export const notValid = (credential?: string) =>
  new AccessError('CREDENTIAL_INVALID', 'the credential is not, or no longer, valid', undefined, credential);
