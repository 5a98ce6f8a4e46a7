import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { BaseRpcContext, Server, type CustomTransportStrategy } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { isObservable, lastValueFrom } from 'rxjs';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { ALL_EVENTS, PROJECTED } from '#bus/subjects.js';
import { whileLeading } from '#event-log/leadership.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { ActivityFeed } from './activity/activity-feed.js';
import { Bus } from './bus.js';
import { CONFIG, type Config } from './config.js';
import { eventsBehind } from './events-behind.js';
import { FeedBroken } from './feed.js';
import { LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import { Fenced, type EventBatch, type ProjectedEvent } from './projection.js';
import { ProjectionStop } from './projection-stop.js';
import type { ProjectorState } from './projector-state.js';
import { traceBatch } from './trace-batch.js';
import { SessionsProjection } from './projections/sessions.js';

const PROJECTOR_LOCK = 51_600_004;
const LOOK_AGAIN_MS = 10_000;
const BACKOFF_MS = [50, 250, 500, 1_000, 2_500];

/**
 * Nest's transport for a projection: hands every event of the log to its handler, batch by batch, in order, each once.
 *
 *     checkpoint ──► events behind it ── batch ──► handler commits ──► told, acknowledged
 *         ▲                                ▲             │                    │
 *         │                                └─────────────│────────────────────┘
 *         ├── after a pause ── anything broke, or another projector was faster
 *         └── after 10 s ───── an event cannot be applied: stopped
 *
 * One process of several does so at a time; the others stand by. The checkpoint in PostgreSQL is the truth; a consumer is
 * thrown away when there is any doubt about it. It never gives up, and it never goes past an event.
 */
@Injectable()
export class Projector extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('JetStream in order');
  override readonly propagatesEventHandlerErrors = true;
  state: ProjectorState = { status: 'standby' };

  private readonly closing = new AbortController();
  private running: Promise<void> | null = null;
  private failures = 0;

  constructor(
    private readonly projection: SessionsProjection,
    private readonly activity: ActivityFeed,
    @Inject(CONFIG) private readonly config: Config,
    private readonly bus: Bus,
    private readonly pool: Pool,
    private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    super();
  }

  listen(started: () => void): void {
    this.running = this.run();
    started();
  }

  /** Ends after the batch in hand. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
    await this.bus.close();
  }

  on(event: string): never {
    throw new Error(`the projector emits no ${event}: its state is there to be asked`);
  }

  unwrap<T>(): T {
    return this.bus as T;
  }

  private async run(): Promise<void> {
    await whileLeading(
      this.config.DATABASE_URL,
      PROJECTOR_LOCK,
      (lost) => this.lead(lost),
      this.closing.signal,
      (error) => this.become({ status: 'degraded', reason: String(error) }, error as Error),
    );
  }

  private async lead(lost: AbortSignal): Promise<void> {
    this.become({ status: 'starting' });
    const activity = this.activity.follow(lost);
    while (!lost.aborted) {
      try {
        await this.project(lost);
      } catch (error) {
        if (lost.aborted) break;
        const pause = this.report(error as Error);
        await sleep(pause, undefined, { signal: lost }).catch(() => undefined);
      }
    }
    await activity;
    this.become({ status: 'standby' });
  }

  private async project(lost: AbortSignal): Promise<void> {
    let at = await this.projection.resume();
    const bus = await this.bus.connected();
    for await (const { events, stop, done } of eventsBehind(at, bus, this.pool, lost)) {
      at = await this.apply(events, at, bus);
      if (stop) throw stop;
      done();
      if (lost.aborted) return;
      this.become({ status: 'following' });
    }
  }

  private async apply(
    events: readonly ProjectedEvent[],
    from: CheckpointPosition,
    bus: NatsConnection,
  ): Promise<CheckpointPosition> {
    if (events.length > 0 && events.at(-1)!.position !== from.position + events.length) {
      throw new FeedBroken(`the events behind ${from.position} have a gap`);
    }
    let at = from;
    while (at.position < from.position + events.length) {
      const batch = { from: at, events: events.slice(at.position - from.position) };
      const ended = this.metrics.batchSeconds.startTimer();
      const startedAt = performance.timeOrigin + performance.now();
      at = await this.handle(batch);
      ended();
      traceBatch(batch.events.slice(0, at.position - batch.from.position), startedAt);
      this.metrics.batchEvents.observe(at.position - batch.from.position);
      this.metrics.eventsApplied.inc(at.position - batch.from.position);
      this.failures = 0;
      const { logId, epoch, position } = at;
      bus.publish(PROJECTED, JSON.stringify({ logId, epoch, position }));
    }
    return at;
  }

  private async handle(batch: EventBatch): Promise<CheckpointPosition> {
    const handler = this.getHandlerByPattern(ALL_EVENTS)!;
    const answer: unknown = await handler(batch, new BaseRpcContext([]));
    return (isObservable(answer) ? await lastValueFrom(answer) : answer) as CheckpointPosition;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  private report(error: Error): number {
    const pause = BACKOFF_MS[Math.min(this.failures++, BACKOFF_MS.length - 1)]!;
    if (error instanceof Fenced) {
      this.log.warn({ reason: error.message }, 'projector.fenced');
      return pause;
    }
    if (error instanceof ProjectionStop) {
      const { code, position, message: reason } = error;
      this.become({ status: 'stopped', code, position, reason }, error);
      return LOOK_AGAIN_MS;
    }
    this.become({ status: 'degraded', reason: error.message }, error);
    return pause;
  }

  private become(state: ProjectorState, err?: Error): void {
    const { status } = this.state;
    if (state.status === 'stopped') this.log.error({ ...state, err }, 'projector.stopped');
    else if (state.status !== status) {
      this.log[state.status === 'degraded' ? 'warn' : 'info']({ ...state, err }, `projector.${state.status}`);
    }
    // What stopped it is not known to be mended until it goes on.
    if (status !== 'stopped' || state.status !== 'degraded') this.state = state;
  }
}
