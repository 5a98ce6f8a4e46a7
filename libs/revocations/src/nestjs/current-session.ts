import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { VerifiedSession } from '../revocations.js';

const sessions = new WeakMap<object, VerifiedSession>();

export const rememberSession = (context: ExecutionContext, session: VerifiedSession) =>
  void sessions.set(askedBy(context), session);

/** The `VerifiedSession` of whoever asks, in a handler behind `SessionGuard`. */
export const CurrentSession = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const session = sessions.get(askedBy(context));
  if (!session) throw new Error(`${context.getHandler().name} has @CurrentSession() without SessionGuard`);
  return session;
});

function askedBy(context: ExecutionContext): object {
  if (context.getType() === 'ws') return context.switchToWs().getClient<object>();
  if (context.getType() === 'rpc') return context.switchToRpc().getContext<object>();
  return context.switchToHttp().getRequest<object>();
}
