import { createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { KnownRequest } from '../access/access.guard.js';
import type { Principal } from '../access/principal.js';
import { EffectTimes } from '../effect/effect-times.js';
import { type Effect, Effects } from '../effect/effects.js';
import { secondsToWait } from './prefer.js';

export const MAX_WAIT_SECONDS = 10;

/** What an answer to a revocation says of its effect, if that is asked for. */
export interface EffectAnswer {
  readonly applied: string;
  readonly body: { readonly effect: Effect | ReturnType<typeof withoutInstances> };
}

export interface Exchange {
  readonly request: KnownRequest;
  readonly reply: FastifyReply;
}

export const InExchange = createParamDecorator((_: unknown, context: ExecutionContext): Exchange => {
  const http = context.switchToHttp();
  return { request: http.getRequest(), reply: http.getResponse() };
});

/** For every revocation that is acknowledged. */
@Injectable()
export class EffectAnswers {
  constructor(
    private readonly effects: Effects,
    private readonly times: EffectTimes,
  ) {}

  /** The answer names its position, and waits until that is in effect where it is asked to (RFC 7240). */
  async answer<Output extends object>(
    { request, reply }: Exchange,
    position: number,
    output: Output,
  ): Promise<Output & Partial<EffectAnswer['body']>> {
    reply.header('signoff-position', position);
    const answer = await this.acknowledge(position, request.headers.prefer, request.principal);
    if (!answer) return output;
    reply.header('preference-applied', answer.applied);
    return { ...output, ...answer.body };
  }

  /** `prefer`: the header (RFC 7240). Undefined when it does not ask to wait: then nothing is waited for. */
  acknowledge(
    position: number,
    prefer: string | string[] | undefined,
    principal: Principal,
  ): Promise<EffectAnswer | undefined> | undefined {
    this.times.acknowledged(position);
    const seconds = secondsToWait(prefer, MAX_WAIT_SECONDS);
    return seconds === undefined ? undefined : this.wait(position, seconds, principal);
  }

  private async wait(
    position: number,
    seconds: number,
    principal: Principal,
  ): Promise<EffectAnswer | undefined> {
    // It is acknowledged: whatever becomes of the wait, this is no failure.
    const effect = await this.effects.wait(position, seconds * 1_000).catch(() => undefined);
    return (
      effect && {
        applied: `wait=${seconds}`,
        body: { effect: principal.kind === 'service-key' ? effect : withoutInstances(effect) },
      }
    );
  }
}

/** How a platform's processes are named is nothing to its accounts. */
const withoutInstances = ({ services, ...effect }: Effect) => ({
  ...effect,
  services: services.map(({ service, inEffect }) => ({ service, inEffect })),
});
