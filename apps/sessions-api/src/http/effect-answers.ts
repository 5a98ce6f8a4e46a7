import { Injectable } from '@nestjs/common';
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

/** For every revocation that is acknowledged. */
@Injectable()
export class EffectAnswers {
  constructor(
    private readonly effects: Effects,
    private readonly times: EffectTimes,
  ) {}

  /** `prefer`: the header (RFC 7240). Undefined when it does not ask to wait: then nothing is waited for. */
  async acknowledge(
    position: number,
    prefer: string | string[] | undefined,
    principal: Principal,
  ): Promise<EffectAnswer | undefined> {
    this.times.acknowledged(position);
    const seconds = secondsToWait(prefer, MAX_WAIT_SECONDS);
    if (seconds === undefined) return undefined;
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
