import { monotonic } from './monotonic.js';
import type { ReceiptListener } from './receipt-listener.js';
import { dataOf, issue, operatorPath } from './sessions.js';
import type { History, SubscriberProcess } from './subscriber-process.js';
import type { Api } from './world.js';

export interface Effect {
  readonly position: number;
  readonly inEffect: boolean;
  readonly services: readonly {
    readonly service: string;
    readonly instances: readonly {
      readonly instance: string;
      readonly state: string;
      readonly position: number | null;
      readonly behind: { readonly revocations: number; readonly milliseconds: number } | null;
    }[];
  }[];
}

/** A session that was ended. Times are those of `monotonic`, when the answer was there. */
export interface Ended {
  readonly token: string;
  readonly position: number;
  readonly acknowledgedAt: number;
  /** What the answer said of the effect, when it was to wait for that. */
  readonly effect?: Effect | undefined;
  /** When the API said that it is in effect everywhere; undefined when it did not, or was not asked. */
  saidInEffectAt?: number | undefined;
}

interface Watched {
  readonly account: string;
  readonly token: string;
}

/** Sessions are issued, watched by all instances and ended. `apis` take turns. */
export class RevocationLoad {
  readonly ended: Ended[] = [];
  private turn = 0;
  private accounts = 0;

  constructor(
    private readonly apis: readonly Api[],
    readonly instances: readonly SubscriberProcess[],
  ) {}

  /** So many sessions of one account, each accepted by every instance. */
  async watched(count: number): Promise<Watched[]> {
    const api = this.api();
    const account = `watched-${++this.accounts}`;
    const issued = await Promise.all(Array.from({ length: count }, () => issue(api.service, account)));
    const answers = issued.flatMap(({ token }) => this.instances.map((one) => one.watches(token)));
    const others = (await Promise.all(answers)).filter((answer) => answer !== false);
    if (others.length > 0) throw new Error(`not accepted: ${others.join()}`);
    return issued.map(({ token }) => ({ account, token }));
  }

  async end({ account, token }: Watched, prefer?: string): Promise<Ended> {
    const headers: Record<string, string> = prefer === undefined ? {} : { prefer };
    const answer = await this.api().service.delete(`${operatorPath(account)}/${token}`, { headers });
    const acknowledgedAt = monotonic();
    dataOf(answer);
    const effect = answer.body.effect as Effect | undefined;
    const ended: Ended = {
      token,
      position: Number(answer.headers['signoff-position']),
      acknowledgedAt,
      effect,
      saidInEffectAt: effect?.inEffect ? acknowledgedAt : undefined,
    };
    this.ended.push(ended);
    return ended;
  }

  /** Asks until it is in effect everywhere. */
  async asksForEffect(ended: Ended): Promise<void> {
    for (;;) {
      const { inEffect } = await this.effectOf(ended.position);
      if (inEffect) break;
    }
    ended.saidInEffectAt = monotonic();
  }

  async effectOf(position: number): Promise<Effect> {
    return dataOf(await this.api().service.get(`/api/revocations/${position}/effect`)) as Effect;
  }

  /** Others who sign in and stay, until `isOver`. */
  async issueAndExtend(isOver: () => boolean): Promise<void> {
    const account = `other-${++this.accounts}`;
    while (!isOver()) {
      const { token } = await issue(this.api().service, account, { expiresInSeconds: 3_600 });
      const body = { expiresInSeconds: 7_200 };
      dataOf(await this.api().service.send('PATCH', `/api/sessions/${token}`, { body }));
    }
  }

  /** Every way in which an instance has accepted a session that it said was ended, or that the API said was. */
  async wrongs(receipts: ReceiptListener): Promise<string[]> {
    const wrong: string[] = [];
    for (const instance of this.instances) {
      const histories = await historiesOf(instance);
      for (const { token, position, saidInEffectAt = Infinity } of this.ended) {
        const { accepted, lastAcceptedAt, positionThen, answers } = histories.get(token)!;
        const saidAt = receipts.saidAt(instance.name, position);
        const say = (what: string) => wrong.push(`${instance.name}, ${position}: ${what}`);
        if (accepted === 0) say('was never accepted before its end');
        if (answers.at(-1) !== true) say('is not known to be ended');
        if (answers.lastIndexOf(false) > answers.indexOf(true)) say('was accepted after it had been refused');
        if (positionThen >= position) say(`was accepted at position ${positionThen}`);
        if (saidAt === undefined) say('there is no receipt');
        else if (lastAcceptedAt > saidAt) say(`was accepted ${lastAcceptedAt - saidAt} ms after the receipt`);
        if (lastAcceptedAt > saidInEffectAt)
          say(`was accepted ${lastAcceptedAt - saidInEffectAt} ms after the API said that it is in effect`);
      }
    }
    return wrong;
  }

  private api(): Api {
    return this.apis[this.turn++ % this.apis.length]!;
  }
}

export async function historiesOf(instance: SubscriberProcess): Promise<Map<string, History>> {
  return new Map((await instance.histories()).map((history) => [history.sessionId, history]));
}

/** `service/instance` of each that is in this state. */
export const inState = (effect: Effect, state: string) =>
  effect.services.flatMap(({ service, instances }) =>
    instances.filter((one) => one.state === state).map(({ instance }) => `${service}/${instance}`),
  );
