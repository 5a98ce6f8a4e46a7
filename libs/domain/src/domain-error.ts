export type DomainErrorCode =
  | 'SESSION_NOT_FOUND'
  | 'SESSION_LIFETIME_INVALID'
  | 'ACTING_SESSION_ENDED'
  | 'API_KEY_NOT_FOUND'
  | 'API_KEY_LIFETIME_INVALID'
  | 'SCOPE_NOT_GRANTED';

/** The domain says no. `field` names the input that it refuses, where there is one. */
export class DomainError extends Error {
  constructor(
    readonly code: DomainErrorCode,
    message: string,
    readonly field?: string,
  ) {
    super(message);
    this.name = 'DomainError';
  }
}
