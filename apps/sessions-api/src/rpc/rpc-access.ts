import { randomUUID } from 'node:crypto';
import type { Scope } from '#domain/api-key/scopes.js';
import { isTraceparent } from '#telemetry/traceparent.js';
import type { MsgHdrs } from '@nats-io/transport-node';
import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { MessagePattern, type NatsContext } from '@nestjs/microservices';
import { ACCESS, type Access, authorize } from '../access/access.guard.js';
import { Authenticator } from '../access/authenticator.js';
import type { Caller } from '../access/caller.js';
import type { Principal } from '../access/principal.js';
import { idempotencyIn } from '../http/asked-by.js';
import { QuestionLimit } from './question-limit.js';

/** `signoff.rpc.<caller>.<operation>`, for service keys with this scope: `Authorization` is a header of the message. */
export const Answers = (operation: string, scope: Scope) =>
  applyDecorators(
    MessagePattern(`signoff.rpc.*.${operation}`),
    SetMetadata(ACCESS, { who: 'service', scope } satisfies Access),
    UseGuards(RpcAccessGuard),
  );

interface KnownContext extends NatsContext {
  principal?: Principal;
}

const contextOf = (context: ExecutionContext) => context.switchToRpc().getContext<KnownContext>();

export const headerOf = (context: NatsContext, name: string): string | undefined =>
  (context.getHeaders() as MsgHdrs | undefined)?.get(name) || undefined;

export const requestIdOf = (context: NatsContext & { requestId?: string }): string =>
  (context.requestId ??= randomUUID());

export const principalOf = (context: KnownContext): Principal | undefined => context.principal;

@Injectable()
export class RpcAccessGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
    private readonly limit: QuestionLimit,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const asked = contextOf(context);
    const authorization = headerOf(asked, 'Authorization');
    this.limit.count(asked.getSubject().split('.')[2]!, authorization);
    asked.principal = await this.authenticator.authenticate(authorization);
    authorize(asked.principal, this.reflector.get<Access>(ACCESS, context.getHandler()));
    return true;
  }
}

/** Who asks, as the guard found out. Keys of HTTP and of NATS are apart: an operation is asked for by one way or the other. */
export const AskedByRpc = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const asked = contextOf(context);
  const traceparent = headerOf(asked, 'traceparent');
  const operation = `rpc ${asked.getSubject().split('.').at(-1)}`;
  const said: unknown = context.switchToRpc().getData() ?? null;
  return {
    principal: asked.principal!,
    requestId: requestIdOf(asked),
    ...(isTraceparent(traceparent) && { traceparent }),
    idempotency: idempotencyIn(headerOf(asked, 'Idempotency-Key'), operation, said),
  };
});
