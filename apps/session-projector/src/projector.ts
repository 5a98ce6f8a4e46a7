import { Inject, Injectable } from '@nestjs/common';
import { BaseRpcContext, Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { PROJECTED } from '#bus/subjects.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { ActivityFeed } from './activity/activity-feed.js';
import { Bus } from './bus.js';
import { CONFIG, type Config } from './config.js';
import { FollowedStreams } from './followed-stream.js';
import { LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import type { EventBatch } from './projection.js';
import { ProjectionRun, type Company, type Means } from './projection-run.js';
import { AuditProjection } from './projections/audit.js';
import { SessionsProjection } from './projections/sessions.js';
import { traceBatch } from './trace-batch.js';

/** Nest's transport for projections, each of which goes its own way: see `ProjectionRun`. */
@Injectable()
export class Projector extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('JetStream in order');
  override readonly propagatesEventHandlerErrors = true;
  readonly sessions: ProjectionRun;
  readonly audit: ProjectionRun;

  private readonly closing = new AbortController();
  private running: Promise<unknown> | null = null;

  constructor(
    sessions: SessionsProjection,
    audit: AuditProjection,
    activity: ActivityFeed,
    @Inject(CONFIG) config: Config,
    private readonly bus: Bus,
    pool: Pool,
    metrics: Metrics,
    @Inject(LOGGER) log: Logger,
  ) {
    super();
    const handle = (name: string, batch: EventBatch) => this.handle(name, batch);
    const streams = new FollowedStreams(pool);
    const means: Means = { databaseUrl: config.DATABASE_URL, pool, bus, streams, metrics, log, handle };
    this.sessions = new ProjectionRun(sessions, means, whatListsShow(activity));
    this.audit = new ProjectionRun(audit, means);
  }

  get runs(): readonly ProjectionRun[] {
    return [this.sessions, this.audit];
  }

  listen(started: () => void): void {
    this.running = Promise.all(this.runs.map((run) => run.until(this.closing.signal)));
    started();
  }

  /** Ends after the batches in hand. */
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

  private async handle(projection: string, batch: EventBatch): Promise<CheckpointPosition> {
    const handler = this.getHandlerByPattern(projection)!;
    const answer: unknown = await handler(batch, new BaseRpcContext([]));
    return (isObservable(answer) ? await lastValueFrom(answer) : answer) as CheckpointPosition;
  }
}

/** Lists have when sessions were last seen beside the projection, and traces end when they have the events. */
const whatListsShow = (activity: ActivityFeed): Company => ({
  beside: (stop) => activity.follow(stop),
  applied(events, { logId, epoch, position }, since, bus) {
    traceBatch(events, since);
    bus.publish(PROJECTED, JSON.stringify({ logId, epoch, position }));
  },
});
