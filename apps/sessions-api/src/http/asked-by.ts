import { createHash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { InvalidInput } from './invalid-input.js';
import { traceparentOf } from './trace-requests.js';
import type { KnownRequest } from '../access/access.guard.js';
import type { Caller, Idempotency } from '../access/caller.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Who asks, as the access guard found out. */
export const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const request = context.switchToHttp().getRequest<KnownRequest>();
  return {
    principal: request.principal,
    requestId: request.id,
    traceparent: traceparentOf(request),
    idempotency: idempotencyOf(request),
  };
});

/** `header`: `Idempotency-Key`, if there is one. */
export function idempotencyKeyIn(header: string | string[] | undefined): string | undefined {
  if (header === undefined || (typeof header === 'string' && KEY.test(header))) return header;
  throw new InvalidInput([
    { field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters, once' },
  ]);
}

function idempotencyOf(request: KnownRequest): Idempotency | undefined {
  const key = idempotencyKeyIn(request.headers['idempotency-key']);
  if (key === undefined) return undefined;
  const said = JSON.stringify([request.params, request.query, request.body ?? null]);
  return {
    operation: `${request.method} ${request.routeOptions.url}`,
    key,
    requestHash: createHash('sha256').update(said).digest(),
  };
}
