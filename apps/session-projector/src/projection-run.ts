import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { whileLeading } from '#event-log/leadership.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import type { Bus } from './bus.js';
import { eventsBehind } from './events-behind.js';
import { FeedBroken } from './feed.js';
import type { FollowedStreams } from './followed-stream.js';
import type { Metrics } from './metrics.js';
import { Fenced, type EventBatch, type ProjectedEvent, type Projection } from './projection.js';
import { ProjectionStop } from './projection-stop.js';
import type { ProjectorState } from './projector-state.js';

const LOOK_AGAIN_MS = 10_000;
const BACKOFF_MS = [50, 250, 500, 1_000, 2_500];

export interface Means {
  readonly databaseUrl: string;
  readonly pool: Pool;
  readonly bus: Bus;
  readonly streams: FollowedStreams;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Hands a batch to the projection's handler. */
  readonly handle: (projection: string, batch: EventBatch) => Promise<CheckpointPosition>;
}

export interface Company {
  /** Runs as long as this process projects. */
  readonly beside: (stop: AbortSignal) => Promise<void>;
  /** Hears of what was applied, and since when (milliseconds since 1970). */
  readonly applied: (
    events: readonly ProjectedEvent[],
    at: CheckpointPosition,
    since: number,
    bus: NatsConnection,
  ) => void;
}

const ALONE: Company = { beside: () => Promise.resolve(), applied: () => undefined };

/**
 * One projection: hands every event of the log to its handler, batch by batch, in order, each once.
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
export class ProjectionRun {
  state: ProjectorState = { status: 'standby' };
  private failures = 0;
  private readonly log: Logger;

  constructor(
    readonly projection: Projection,
    private readonly means: Means,
    private readonly company = ALONE,
  ) {
    this.log = means.log.child({ projection: projection.name });
  }

  /** Ends after the batch in hand. */
  async until(stop: AbortSignal): Promise<void> {
    await whileLeading(
      this.means.databaseUrl,
      this.projection.lockId,
      (lost) => this.lead(lost),
      stop,
      (error) => this.become({ status: 'degraded', reason: String(error) }, error as Error),
    );
  }

  private async lead(lost: AbortSignal): Promise<void> {
    this.become({ status: 'starting' });
    const company = this.company.beside(lost);
    while (!lost.aborted) {
      try {
        await this.project(lost);
      } catch (error) {
        if (lost.aborted) break;
        const pause = this.report(error as Error);
        await sleep(pause, undefined, { signal: lost }).catch(() => undefined);
      }
    }
    await company;
    this.become({ status: 'standby' });
  }

  private async project(lost: AbortSignal): Promise<void> {
    let at = await this.projection.resume();
    const bus = await this.means.bus.connected();
    const { streams, pool } = this.means;
    for await (const { events, prepared } of eventsBehind(this.projection, at, streams, bus, pool, lost)) {
      at = await this.apply(events, at, bus, prepared);
      if (lost.aborted) return;
      this.become({ status: 'following' });
    }
  }

  private async apply(
    events: readonly ProjectedEvent[],
    from: CheckpointPosition,
    bus: NatsConnection,
    prepared?: Promise<unknown>,
  ): Promise<CheckpointPosition> {
    if (events.length > 0 && events.at(-1)!.position !== from.position + events.length) {
      throw new FeedBroken(`the events behind ${from.position} have a gap`);
    }
    const { name } = this.projection;
    const { metrics, handle } = this.means;
    let at = from;
    while (at.position < from.position + events.length) {
      const isWhole = at === from;
      const rest = events.slice(at.position - from.position);
      const batch = { from: at, events: rest, ...(isWhole && { prepared }) };
      const ended = metrics.batchSeconds.startTimer({ projection: name });
      const since = performance.timeOrigin + performance.now();
      at = await handle(name, batch);
      ended();
      const applied = batch.events.slice(0, at.position - batch.from.position);
      metrics.batchEvents.observe({ projection: name }, applied.length);
      metrics.eventsApplied.inc({ projection: name }, applied.length);
      this.failures = 0;
      this.company.applied(applied, at, since, bus);
    }
    return at;
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
