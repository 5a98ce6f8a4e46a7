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

function idempotencyOf(request: KnownRequest): Idempotency | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const said = [request.params, request.query, request.body ?? null];
  return idempotencyIn(header, `${request.method} ${request.routeOptions.url}`, said);
}

/** `header`: `Idempotency-Key`, if there is one. `said`: what has to be the same when the key comes again. */
export function idempotencyIn(
  header: string | string[] | undefined,
  operation: string,
  said: unknown,
): Idempotency | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !KEY.test(header)) {
    throw new InvalidInput([
      { field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters, once' },
    ]);
  }
  const requestHash = createHash('sha256').update(JSON.stringify(said)).digest();
  return { operation, key: header, requestHash };
}
