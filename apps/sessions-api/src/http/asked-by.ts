import { sha256 } from '#event-log/sha256.js';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { InvalidInput } from './invalid-input.js';
import { routeOf } from './observe.js';
import { traceparentOf } from './trace-requests.js';
import type { KnownRequest } from '../access/access.guard.js';
import type { Caller, Idempotency } from '../access/caller.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Who asks for what is recorded, as the access guard found out. */
export const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const request = context.switchToHttp().getRequest<KnownRequest>();
  return {
    principal: request.principal,
    requestId: request.id,
    traceparent: traceparentOf(request),
    idempotency: idempotencyIn(request.headers['idempotency-key'], `${request.method} ${routeOf(request)}`, [
      request.params,
      request.query,
      request.body ?? null,
    ]),
  };
});

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
  const requestHash = sha256(JSON.stringify(said));
  return { operation, key: header, requestHash };
}
