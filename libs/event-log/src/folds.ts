import type { Instant } from '#domain/instant.js';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { RecordedEvent } from './event.js';
import { readStream } from './read.js';

/** How the events of one kind of stream are folded. */
export interface Projection<State> {
  readonly initialState: State;
  readonly apply: (state: State, event: RecordedEvent) => State;
}

export interface Fold<State> {
  readonly version: number;
  readonly state: State;
}

/** A fold that was the stream's newest when it was looked up, with PostgreSQL's time of that look. */
export interface CurrentFold<State> extends Fold<State> {
  readonly now: Instant;
}

/**
 * Folds of streams, kept for the next time. What is kept is never trusted: each look compares its version with
 * `event_log.stream`, read after the look began, and folds the events that are missing.
 */
export class Folds<State> {
  private readonly kept: LRUCache<string, Fold<State>>;

  constructor(
    private readonly pool: Pool,
    private readonly projection: Projection<State>,
    maxStreams: number,
  ) {
    this.kept = new LRUCache({ max: maxStreams });
  }

  async current(streamId: string): Promise<CurrentFold<State>> {
    const kept = this.kept.get(streamId);
    const { version, now } = await this.look(streamId);
    // A fold that was already ahead of the log belongs to a log that has since been put back to an older copy.
    const usable = kept !== undefined && kept.version <= version;
    if (!usable) this.kept.delete(streamId);
    const base = usable ? kept : { version: 0, state: this.projection.initialState };
    if (base.version === version) return { ...base, now };
    const fold = this.extend(base, await readStream(this.pool, streamId, base.version));
    this.keep(streamId, fold);
    return { ...fold, now };
  }

  /** Takes in what this process has just appended, so that the next look need not read it. */
  appended(streamId: string, base: Fold<State>, events: readonly RecordedEvent[]): void {
    this.keep(streamId, this.extend(base, events));
  }

  private async look(streamId: string): Promise<{ version: number; now: Instant }> {
    const { rows } = await this.pool.query<{ version: number; now: number }>({
      name: 'log-look',
      text: `SELECT coalesce((SELECT version FROM event_log.stream WHERE stream_id = $1), 0) AS version,
        floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
      values: [streamId],
    });
    return { version: rows[0]!.version, now: new Date(rows[0]!.now).toISOString() };
  }

  private extend(base: Fold<State>, events: readonly RecordedEvent[]): Fold<State> {
    return {
      version: events.at(-1)?.version ?? base.version,
      state: events.reduce((state, event) => this.projection.apply(state, event), base.state),
    };
  }

  private keep(streamId: string, fold: Fold<State>): void {
    if (fold.version >= (this.kept.peek(streamId)?.version ?? 0)) this.kept.set(streamId, fold);
  }
}
