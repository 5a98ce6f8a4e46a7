import type { LogIdentity } from '#bus/envelope.js';
import type { Msg } from '@nats-io/transport-node';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { BusConnection } from '../relay/bus-connection.js';
import { readQuestion, receiptMessage } from '../rpc/rpc-question.js';
import { nameOf, type SubscriberId } from './subscribers.js';

const RECEIPTS = 'signoff.receipt.*.*';
const KEPT = 10_000;

/** From then on an instance refuses every session whose end stands at or before `position`. */
export interface Receipt extends LogIdentity {
  readonly position: number;
  /** All revocations up to this number are held. */
  readonly revocations: number;
}

/** The newest receipt of every start of every instance, as far as this process has heard of them. */
@Injectable()
export class Receipts implements OnApplicationBootstrap {
  private readonly newest = new LRUCache<string, Receipt>({ max: KEPT });
  private readonly listeners = new Set<(subscriber: SubscriberId) => void>();

  constructor(private readonly bus: BusConnection) {}

  onApplicationBootstrap(): void {
    this.bus.connected.then(
      (connection) =>
        connection.subscribe(RECEIPTS, { callback: (_, message) => message && this.take(message) }),
      () => undefined,
    );
  }

  of(subscriber: SubscriberId): Receipt | undefined {
    return this.newest.get(nameOf(subscriber));
  }

  /** Calls back at each receipt, until the answer is called. */
  onReceipt(listener: (subscriber: SubscriberId) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private take(message: Msg): void {
    const question = readQuestion(receiptMessage, message.data);
    if ('refusal' in question) return;
    const [, , service, instance] = message.subject.split('.') as [string, string, string, string];
    const { bootId, ...receipt } = question.asked;
    const subscriber = { service, instance, bootId };
    this.newest.set(nameOf(subscriber), receipt);
    for (const listener of this.listeners) listener(subscriber);
  }
}
