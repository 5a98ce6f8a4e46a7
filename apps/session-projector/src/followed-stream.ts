import { setTimeout as sleep } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { logHeader, type LogIdentity } from '#bus/envelope.js';
import { readPlainForward } from '#event-log/read.js';
import { BATCH, type Delivery } from './events-behind.js';
import { Feed } from './feed.js';
import type { ProjectedEvent } from './projection.js';
import { eventFromBus, readable } from './read-event.js';

/** What may be delivered and not yet applied: the next batch arrives while one is being applied. */
const AHEAD = 2 * BATCH;
/** After less than a batch: what is delivered meanwhile is applied in one transaction. */
const PAUSE_MS = 50;
/** Whoever is further behind reads the log. */
const KEPT = 5 * BATCH;

/** What the projections of this process follow at present. */
export class FollowedStreams {
  private present: Promise<FollowedStream> | null = null;

  constructor(private readonly pool: Pool) {}

  /** That of this log which is followed already, or one that begins at `first`. */
  async from(first: number, log: LogIdentity, bus: NatsConnection): Promise<FollowedStream> {
    for (;;) {
      const { present } = this;
      const stream = await present?.catch(() => null);
      if (stream?.isOf(log, bus)) return stream;
      if (this.present === present) return (this.present = this.open(first, log, bus));
    }
  }

  private async open(first: number, log: LogIdentity, bus: NatsConnection): Promise<FollowedStream> {
    return new FollowedStream(await Feed.open(bus, first, AHEAD), first - 1, log, bus, this.pool);
  }
}

/**
 * What the stream delivers, compared with the log once for all who follow it: whoever may publish can put into the stream
 * what no relay did.
 *
 *     stream ── somebody is at the end ──► kept ──► each takes what is behind it, at its own pace
 *                                            └── taken by all, or too much: dropped
 */
class FollowedStream {
  private readonly followers = new Set<{ at: number }>();
  private readonly kept: ProjectedEvent[] = [];
  private reading: Promise<void> | null = null;
  private newest: JsMsg | undefined;
  private ended: unknown;

  constructor(
    private readonly feed: Feed,
    /** The last position before those kept. */
    private dropped: number,
    private readonly log: LogIdentity,
    private readonly bus: NatsConnection,
    private readonly pool: Pool,
  ) {}

  isOf(log: LogIdentity, bus: NatsConnection): boolean {
    return !this.ended && bus === this.bus && logHeader(log) === logHeader(this.log);
  }

  /** As `eventsBehind` says. What is kept no more comes by `fromLog`. */
  async *behind(
    position: number,
    fromLog: (after: number, last: number) => AsyncGenerator<Delivery>,
    stop: AbortSignal,
  ): AsyncGenerator<Delivery> {
    const follower = { at: position };
    this.followers.add(follower);
    const wake = () => this.feed.wake();
    stop.addEventListener('abort', wake, { once: true });
    try {
      if (position >= this.last && this.isAtTheEnd) yield { events: [] };
      while (!stop.aborted) {
        const { dropped } = this;
        if (follower.at < dropped) {
          yield* fromLog(follower.at, dropped);
          follower.at = dropped;
        } else if (follower.at < this.last) {
          const from = follower.at - dropped;
          const events = this.kept.slice(from, from + BATCH);
          yield { events };
          follower.at += events.length;
          this.dropTaken();
          if (events.length < BATCH)
            await sleep(PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
        } else {
          if (this.ended) throw this.ended;
          await (this.reading ??= this.read().finally(() => (this.reading = null)));
        }
      }
    } finally {
      stop.removeEventListener('abort', wake);
      this.followers.delete(follower);
      if (this.followers.size === 0) this.end(new Error('nobody follows the stream'));
    }
  }

  private get last(): number {
    return this.dropped + this.kept.length;
  }

  private get isAtTheEnd(): boolean {
    return this.newest ? this.newest.info.pending === 0 : this.feed.startedAtTheEnd;
  }

  /** Whatever is wrong with what it reads ends it, for all who come to the end. */
  private async read(): Promise<void> {
    try {
      const messages = await this.feed.read(BATCH);
      if (messages.length === 0) return;
      const recorded = await readPlainForward(this.pool, messages[0]!.seq - 1, messages.length);
      const [events, stop] = readable(messages, (message, i) => eventFromBus(message, recorded[i], this.log));
      this.kept.push(...events);
      this.newest = messages.at(-1);
      this.drop(this.kept.length - KEPT);
      if (stop) this.end(stop);
    } catch (error) {
      this.end(error);
    }
  }

  private dropTaken(): void {
    const taken = [...this.followers].map(({ at }) => at);
    if (Math.max(...taken) >= this.last) this.newest?.ack();
    this.drop(Math.min(...taken, this.last) - this.dropped);
  }

  private drop(count: number): void {
    if (count <= 0) return;
    this.kept.splice(0, count);
    this.dropped += count;
  }

  private end(reason: unknown): void {
    this.ended ??= reason;
    this.feed.close();
  }
}
