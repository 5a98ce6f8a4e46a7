import { AckPolicy, DeliverPolicy, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { managerOf } from './open-connection.js';
import { REVOKED, STREAM } from './protocol.js';

const INACTIVE_AFTER_MS = 30_000;
const HEARTBEAT_MS = 1_500;
/** What may be delivered and not yet acknowledged. */
const AHEAD = 2_000;
const ACKNOWLEDGE_EACH = 500;

/**
 * The life of one consumer. It is never resumed: one that resumes may skip or reorder messages, and an instance that starts
 * with an empty set needs what the one before has acknowledged. It promises neither order nor completeness: whoever takes
 * the messages has to compare their numbers.
 */
export class Feed {
  readonly openedAt = performance.now();
  /** How many messages have come. */
  delivered = 0;
  /** Resolves with the reason, if there is one, when nothing more will come. */
  readonly ended: Promise<unknown>;
  private closed = false;
  private newest: { message: JsMsg; revocation: number } | undefined;
  private acknowledgedAt = 0;

  private constructor(
    private readonly messages: ConsumerMessages,
    connection: NatsConnection,
    private readonly remove: () => void,
    /** Whether the stream had nothing to bring when the feed was opened. */
    readonly startedAtTheEnd: boolean,
  ) {
    const statuses = connection.status() as ReturnType<NatsConnection['status']> & { stop(): void };
    const disconnected = (async () => {
      for await (const { type } of statuses)
        if (type === 'disconnect') return new Error('the connection was lost');
      return undefined;
    })();
    this.ended = Promise.race([messages.closed(), disconnected]).finally(() => {
      statuses.stop();
      this.close();
    });
  }

  /** Every revocation from the stream sequence `from` on. */
  static async open(
    connection: NatsConnection,
    name: string,
    from: number,
    take: (message: JsMsg) => void,
    apiPrefix?: string,
  ): Promise<Feed> {
    const manager = await managerOf(connection, apiPrefix);
    const consumer = await manager.consumers.add(STREAM, {
      name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      filter_subject: REVOKED,
      ack_policy: AckPolicy.All,
      max_ack_pending: AHEAD,
      inactive_threshold: nanos(INACTIVE_AFTER_MS),
      num_replicas: 1,
      mem_storage: true,
    });
    const messages = await manager.jetstream().consumers.getConsumerFromInfo(consumer).consume({
      max_messages: AHEAD,
      idle_heartbeat: HEARTBEAT_MS,
      abort_on_missing_resource: true,
      callback: take,
    });
    const remove = () => void manager.consumers.delete(STREAM, name).catch(() => undefined);
    return new Feed(messages, connection, remove, consumer.num_pending === 0);
  }

  /** A message has come, and is the revocation with this number. */
  taken(message: JsMsg, revocation: number): void {
    this.delivered++;
    this.newest = { message, revocation };
  }

  /** Every revocation up to this number is applied: what that covers is acknowledged, now or with the next ones. */
  applied(through: number): void {
    if (!this.newest || this.newest.revocation > through) return;
    const many = this.delivered - this.acknowledgedAt >= ACKNOWLEDGE_EACH;
    if (!many && this.newest.message.info.pending > 0) return;
    this.newest.message.ack();
    this.newest = undefined;
    this.acknowledgedAt = this.delivered;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.messages.stop();
    this.remove();
  }
}
