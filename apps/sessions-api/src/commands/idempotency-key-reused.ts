/** The key of an earlier command came with another request: which of the two is meant is not for us to guess. */
export class IdempotencyKeyReused extends Error {
  readonly code = 'IDEMPOTENCY_KEY_REUSED';

  constructor() {
    super('this Idempotency-Key was used with another request');
    this.name = 'IdempotencyKeyReused';
  }
}
