import type { LogIdentity } from '#bus/envelope.js';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Pool } from 'pg';
import { type Receipt, Receipts } from './receipts.js';
import type { SubscriberId } from './subscribers.js';

const LOOK_AGAIN_MS = 250;

/**
 * `in_effect`: it has given a receipt for it. `refusing`: it has not, but its lease has ended, and without a new one, for
 * which it needs every revocation there is, it refuses every session. `not_in_effect`: it may accept the session.
 */
export type InstanceState = 'in_effect' | 'refusing' | 'not_in_effect';

export interface InstanceEffect {
  readonly instance: string;
  readonly bootId: string;
  readonly state: InstanceState;
  /** Up to where it holds all revocations; null when it has not said so, or of another log. */
  readonly position: number | null;
  /** What it lacks of the revocations up to the position in question, and for how long the first of them has been there. */
  readonly behind: { readonly revocations: number; readonly milliseconds: number } | null;
}

export interface ServiceEffect {
  readonly service: string;
  readonly inEffect: boolean;
  readonly instances: InstanceEffect[];
}

/** Where the revocations up to a position of the log are in effect. */
export interface Effect {
  readonly position: number;
  /** At every instance of every service; false when there is none, since nothing is known then. */
  readonly inEffect: boolean;
  readonly services: ServiceEffect[];
}

interface Registered extends SubscriberId {
  readonly leaseEnded: boolean;
}

interface Known extends LogIdentity {
  readonly head: number;
  /** The newest revocation up to the position: its number, 0 when there is none. */
  readonly revocation: number;
  readonly subscribers: readonly Registered[];
}

/** Who registers after this was read is only ready when it holds what the head has by then. */
const KNOWN = `
  SELECT log_id AS "logId", epoch, position AS head,
    coalesce((SELECT revocation FROM event_log.event
      WHERE position <= $1 AND revocation IS NOT NULL ORDER BY position DESC LIMIT 1), 0) AS revocation,
    (SELECT coalesce(json_agg(json_build_object(
        'service', service, 'instance', instance, 'bootId', boot_id,
        'leaseEnded', policy = 'refuse' AND leased_until < clock_timestamp())
        ORDER BY service, instance, boot_id), '[]') FROM effect.subscriber) AS subscribers
  FROM event_log.head`;

const AGES = `
  SELECT revocation, (extract(epoch FROM clock_timestamp() - recorded_at) * 1000)::bigint AS age
  FROM event_log.event WHERE revocation = ANY($1)`;

/** Says where revocations are in effect: from the registrations, read after the question, and the receipts. */
@Injectable()
export class Effects implements OnModuleDestroy {
  private hasStopped = false;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly pool: Pool,
    private readonly receipts: Receipts,
  ) {}

  onModuleDestroy(): void {
    this.hasStopped = true;
    for (const wake of this.waiting) wake();
  }

  /** Undefined when the log has not come to the position. A service that is `asked` for and has no instance is told as well. */
  async read(position: number, asked: readonly string[] = []): Promise<Effect | undefined> {
    const known = await this.look(position);
    return position > known.head ? undefined : this.describe(position, known, asked);
  }

  /** Where it is in effect after `ms` at the latest: sooner when it is everywhere, or when we stop. */
  async wait(position: number, ms: number): Promise<Effect> {
    const giveUpAt = performance.now() + ms;
    for (;;) {
      const known = await this.look(position);
      const left = giveUpAt - performance.now();
      await this.receiptsOf(known, Math.min(left, LOOK_AGAIN_MS));
      const isOver = performance.now() >= giveUpAt || this.hasStopped;
      if (isOver || !this.isMissing(known)) return this.describe(position, known);
    }
  }

  private async look(position: number): Promise<Known> {
    const { rows } = await this.pool.query<Known>({ name: 'effect', text: KNOWN, values: [position] });
    return rows[0]!;
  }

  private stateOf(subscriber: Registered, known: Known): InstanceState {
    const receipt = this.receiptOf(subscriber, known);
    if (receipt && receipt.revocations >= known.revocation) return 'in_effect';
    return subscriber.leaseEnded ? 'refusing' : 'not_in_effect';
  }

  private receiptOf(subscriber: SubscriberId, { logId, epoch }: LogIdentity): Receipt | undefined {
    const receipt = this.receipts.of(subscriber);
    return receipt?.logId === logId && receipt.epoch === epoch ? receipt : undefined;
  }

  private isMissing(known: Known): boolean {
    return known.subscribers.some((one) => this.stateOf(one, known) === 'not_in_effect');
  }

  /** Resolves when none is missing, when the time is over, or when we stop. */
  private async receiptsOf(known: Known, ms: number): Promise<void> {
    if (!this.isMissing(known) || this.hasStopped) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        stopListening();
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      const stopListening = this.receipts.onReceipt(() => this.isMissing(known) || wake());
      this.waiting.add(wake);
    });
  }

  private async describe(position: number, known: Known, asked: readonly string[] = []): Promise<Effect> {
    const instances = known.subscribers.map((one) => ({
      ...one,
      state: this.stateOf(one, known),
      receipt: this.receiptOf(one, known),
    }));
    const ages = await this.agesOf(
      instances.flatMap(({ receipt }) =>
        receipt && receipt.revocations < known.revocation ? [receipt.revocations + 1] : [],
      ),
    );
    const names = new Set([...asked, ...instances.map(({ service }) => service)]);
    const services = [...names].map((name) => {
      const own = instances.filter(({ service }) => service === name);
      return {
        service: name,
        inEffect: isEverywhere(own.map(({ state }) => state !== 'not_in_effect')),
        instances: own.map(({ instance, bootId, state, receipt }) => ({
          instance,
          bootId,
          state,
          position: receipt?.position ?? null,
          behind: receipt
            ? {
                revocations: Math.max(0, known.revocation - receipt.revocations),
                milliseconds: ages.get(receipt.revocations + 1) ?? 0,
              }
            : null,
        })),
      };
    });
    return { position, inEffect: isEverywhere(services.map(({ inEffect }) => inEffect)), services };
  }

  /** For how long these revocations have been in the log, in milliseconds. */
  private async agesOf(revocations: readonly number[]): Promise<Map<number, number>> {
    if (revocations.length === 0) return new Map();
    const { rows } = await this.pool.query<{ revocation: number; age: number }>(AGES, [revocations]);
    return new Map(rows.map(({ revocation, age }) => [revocation, age]));
  }
}

const isEverywhere = (inEffect: readonly boolean[]) => inEffect.length > 0 && inEffect.every(Boolean);
