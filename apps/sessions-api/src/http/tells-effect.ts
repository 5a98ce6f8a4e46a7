import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { from, mergeMap, type Observable } from 'rxjs';
import type { KnownRequest } from '../access/access.guard.js';
import { EffectTimes } from '../effect/effect-times.js';
import { type Effect, Effects } from '../effect/effects.js';
import { secondsToWait } from './prefer.js';

const MAX_WAIT_SECONDS = 10;

/** What a handler answers, and the position of the log that it is true from. */
export type Positioned<Output> = Output & { readonly position: number };

/** The answer names its position, and waits until that is in effect where it is asked to (RFC 7240). */
export const TellsEffect = () =>
  applyDecorators(
    UseInterceptors(EffectInterceptor),
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: `wait=<seconds, ${MAX_WAIT_SECONDS} at most>: answers as soon as it is in effect everywhere, or says where it is not`,
      example: 'wait=2',
    }),
  );

@Injectable()
class EffectInterceptor implements NestInterceptor {
  constructor(
    private readonly effects: Effects,
    private readonly times: EffectTimes,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<Positioned<object>>): Observable<object> {
    const http = context.switchToHttp();
    const [request, reply] = [http.getRequest<KnownRequest>(), http.getResponse<FastifyReply>()];
    return next.handle().pipe(
      mergeMap(({ position, ...output }) => {
        reply.header('signoff-position', position);
        this.times.acknowledged(position);
        const seconds = secondsToWait(request.headers.prefer, MAX_WAIT_SECONDS);
        return seconds === undefined ? [output] : from(this.wait(position, seconds, output, request, reply));
      }),
    );
  }

  private async wait(
    position: number,
    seconds: number,
    output: object,
    { principal }: KnownRequest,
    reply: FastifyReply,
  ): Promise<object> {
    // It is acknowledged: whatever becomes of the wait, this is no failure.
    const effect = await this.effects.wait(position, seconds * 1_000).catch(() => undefined);
    if (!effect) return output;
    reply.header('preference-applied', `wait=${seconds}`);
    return { ...output, effect: principal.kind === 'service-key' ? effect : withoutInstances(effect) };
  }
}

/** How a platform's processes are named is nothing to its accounts. */
const withoutInstances = ({ services, ...effect }: Effect) => ({
  ...effect,
  services: services.map(({ service, inEffect }) => ({ service, inEffect })),
});
