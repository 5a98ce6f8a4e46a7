import { randomUUID } from 'node:crypto';
import type { Principal } from './principal.js';

/** A request as commands and the log see it: who asked, and by what it can be found again. */
export interface Caller<Asking extends Principal = Principal> {
  readonly principal: Asking;
  readonly requestId: string;
  /** W3C trace context: of the request's span, or what it came with. */
  readonly traceparent?: string;
  readonly idempotency?: Idempotency;
}

export interface Idempotency {
  /** Method and route template. */
  readonly operation: string;
  readonly key: string;
  readonly requestHash: Buffer;
}

/** The API itself, by a policy that the operator has set. */
export const policy = (): Caller => ({
  principal: { kind: 'service-key', keyId: 'policy', scopes: [] },
  requestId: randomUUID(),
});
