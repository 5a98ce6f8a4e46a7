import {
  AckPolicy,
  DeliverPolicy,
  jetstreamManager,
  type ConsumerInfo,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, nuid, type NatsConnection } from '@nats-io/transport-node';
import { STREAM } from '#bus/subjects.js';

const INACTIVE_AFTER_MS = 30_000;
const HEARTBEAT_MS = 1_500;

/** The next message did not come, or another one came in its place. */
export class FeedBroken extends Error {
  override readonly name = 'FeedBroken';
}

/**
 * The life of one consumer: every message from a sequence on, each once, in order, without a gap.
 *
 *     open ──► message, message, … ──► closed
 *                 └── consumer, stream or connection gone, or a sequence left out: broken, for good
 *
 * It is never resumed, since a consumer that resumes may skip or reorder messages (seen on every server version):
 * whoever reads it opens another one behind what was committed.
 */
export class Feed {
  private readonly buffer: JsMsg[] = [];
  private messages: ConsumerMessages | null = null;
  private broken: FeedBroken | null = null;
  private closed = false;
  /** Ends a wait for messages. */
  wake = (): void => undefined;

  private constructor(
    private readonly manager: JetStreamManager,
    private readonly consumer: ConsumerInfo,
    private expected: number,
  ) {}

  /** `ahead`: how many messages may be delivered and not yet acknowledged. */
  static async open(bus: NatsConnection, from: number, ahead: number): Promise<Feed> {
    const manager = await jetstreamManager(bus);
    const consumer = await manager.consumers.add(STREAM, {
      name: `session-projector-${nuid.next()}`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.All,
      max_ack_pending: ahead,
      inactive_threshold: nanos(INACTIVE_AFTER_MS),
      num_replicas: 1,
      mem_storage: true,
    });
    const feed = new Feed(manager, consumer, from);
    await feed.start(bus, ahead);
    return feed;
  }

  /** Whether the stream had nothing from the first sequence on when the feed was opened. */
  get startedAtTheEnd(): boolean {
    return this.consumer.num_pending === 0;
  }

  /** What has arrived, at most `max`, as soon as there is something; nothing after `wake`, or once the feed is closed. */
  async read(max: number): Promise<JsMsg[]> {
    if (this.buffer.length === 0 && !this.broken && !this.closed) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    if (this.closed) return [];
    if (this.broken) throw this.broken;
    return this.buffer.splice(0, max);
  }

  readonly close = (): void => {
    if (this.closed) return;
    this.closed = true;
    this.messages?.stop();
    this.wake();
    this.manager.consumers.delete(STREAM, this.consumer.name).catch(() => undefined);
  };

  private async start(bus: NatsConnection, ahead: number): Promise<void> {
    const messages = await this.manager
      .jetstream()
      .consumers.getConsumerFromInfo(this.consumer)
      .consume({
        max_messages: ahead,
        idle_heartbeat: HEARTBEAT_MS,
        abort_on_missing_resource: true,
        callback: (message) => this.take(message),
      });
    this.messages = messages;
    const statuses = bus.status() as ReturnType<NatsConnection['status']> & { stop(): void };
    void messages.closed().then((cause) => {
      statuses.stop();
      this.break('the consumer has ended', cause);
    });
    // Left alone, the client asks for a consumer whose server is gone every 30 s, for ever.
    void (async () => {
      for await (const { type } of messages.status())
        if (type === 'heartbeats_missed') this.break('the consumer is silent');
    })();
    void (async () => {
      for await (const { type } of statuses) if (type === 'disconnect') this.break('the connection was lost');
    })();
  }

  private take(message: JsMsg): void {
    // Delivered again because it was not acknowledged in time.
    if (message.seq < this.expected && message.redelivered) return;
    // Earlier ones come where the stream is being filled again: up to nats-server 2.10 a consumer cannot start beyond its end.
    if (message.seq !== this.expected) return this.break(`${message.seq} came instead of ${this.expected}`);
    this.expected++;
    this.buffer.push(message);
    this.wake();
  }

  private break(reason: string, cause?: unknown): void {
    this.broken ??= new FeedBroken(reason, { cause });
    this.messages?.stop();
    this.wake();
  }
}
