import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, type Consumer, type ConsumerConfig, type JsMsg } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { managerOf } from '../open-connection.js';
import { REVOKED, STREAM } from '../protocol.js';
import { againSubject, DEAD_LETTERS } from './dead-letters.js';

/** What is not answered within this time is given to another process. Whoever is still at it says so more often. */
export const ANSWER_WITHIN_MS = 5_000;

const PULL_MS = 1_000;
const PULL_PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 500;
/** Over all processes: in hand, or waiting to be tried again. */
const MOST_UNANSWERED = 1_000;
const DAY_MS = 86_400_000;

/** Where revocations come from: a consumer that all processes of a service share. */
export interface Source {
  readonly stream: string;
  readonly consumer: Partial<ConsumerConfig>;
}

/**
 * It begins with the first message that the stream holds, whenever it is made. The place of one that was deleted with its
 * stream is lost, and to do everything again is harmless, while to look for that place is to skip something one day.
 */
const shared = (name: string, filter: string, forgottenAfterMs: number): Partial<ConsumerConfig> => ({
  durable_name: name,
  filter_subject: filter,
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(ANSWER_WITHIN_MS),
  max_ack_pending: MOST_UNANSWERED,
  inactive_threshold: nanos(forgottenAfterMs),
});

export const events = (consumer: string): Source => ({
  stream: STREAM,
  consumer: shared(consumer, REVOKED, 7 * DAY_MS),
});

export const replays = (service: string, consumer: string): Source => ({
  stream: DEAD_LETTERS,
  consumer: shared(consumer, againSubject(service), 60_000),
});

export interface Worker {
  readonly connection: NatsConnection;
  readonly jetStreamPrefix: string | undefined;
  readonly signal: AbortSignal;
  readonly take: (message: JsMsg) => Promise<unknown>;
  readonly failed: (error: unknown) => void;
}

/**
 * Hands on the messages of a source, one after the other, until `signal`; makes its consumer whenever it is not there.
 * `take` resolves when there is room for the next one. Each is asked for by itself: what a process was given and did not
 * come to would have to wait when it is killed, and would count as tried.
 */
export async function work({ stream, consumer }: Source, worker: Worker): Promise<void> {
  const { connection, jetStreamPrefix, signal, take, failed } = worker;
  const over = () => signal.aborted || connection.isClosed();
  while (!over()) {
    try {
      const manager = await managerOf(connection, jetStreamPrefix);
      const info = await manager.consumers.add(stream, consumer);
      const source = manager.jetstream().consumers.getConsumerFromInfo(info);
      while (!over()) {
        const message = await next(source);
        if (message) await take(message);
      }
    } catch (error) {
      if (over()) return;
      failed(error);
      await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function next(consumer: Consumer): Promise<JsMsg | undefined> {
  const messages = await consumer.fetch({ max_messages: 1, expires: PULL_MS });
  // After a reconnect to a server that lost the consumer, nothing would end it.
  const late = setTimeout(
    () => messages.stop(new Error('the server says nothing')),
    PULL_MS + PULL_PATIENCE_MS,
  );
  try {
    for await (const message of messages) return message;
    return undefined;
  } finally {
    clearTimeout(late);
  }
}
