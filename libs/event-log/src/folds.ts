import type { Instant } from '#domain/instant.js';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { RecordedEvent } from './event.js';
import { readSnapshot, saveSnapshot } from './snapshot.js';
import { readStream } from './read.js';

/** How the events of one kind of stream are folded. */
export interface Projection<State> {
  readonly initialState: State;
  readonly apply: (state: State, event: RecordedEvent) => State;
  /** Where streams can grow long: how a fold is kept in the log, so that no look has to begin at their beginning. */
  readonly snapshot?: SnapshotFormat<State>;
}

export interface SnapshotFormat<State> {
  readonly encode: (state: State) => Buffer;
  /** Null when the bytes were written by a version that folded otherwise. */
  readonly decode: (bytes: Buffer) => State | null;
}

const SNAPSHOT_EVERY_EVENTS = 100;

export interface Fold<State> {
  readonly version: number;
  readonly state: State;
  /** Up to where the stream's snapshot goes; 0 when there is none. */
  readonly snapshotVersion: number;
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
    const base = usable ? kept : await this.begin(streamId, version);
    if (base.version === version) return { ...base, now };
    const fold = this.extend(base, await readStream(this.pool, streamId, base.version));
    this.keep(streamId, fold);
    return { ...fold, now };
  }

  /** Takes in what this process has just appended, so that the next look need not read it. */
  appended(streamId: string, base: Fold<State>, events: readonly RecordedEvent[]): void {
    this.keep(streamId, this.extend(base, events));
  }

  private async begin(streamId: string, version: number): Promise<Fold<State>> {
    const snapshot = this.projection.snapshot && version >= SNAPSHOT_EVERY_EVENTS;
    const saved = snapshot ? await readSnapshot(this.pool, streamId) : undefined;
    const state = saved && this.projection.snapshot!.decode(saved.snapshot);
    return saved && state
      ? { version: saved.version, state, snapshotVersion: saved.version }
      : { version: 0, state: this.projection.initialState, snapshotVersion: 0 };
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
      ...base,
      version: events.at(-1)?.version ?? base.version,
      state: events.reduce((state, event) => this.projection.apply(state, event), base.state),
    };
  }

  private keep(streamId: string, fold: Fold<State>): void {
    if (fold.version < (this.kept.peek(streamId)?.version ?? 0)) return;
    const { snapshot } = this.projection;
    const due = snapshot && fold.version - fold.snapshotVersion >= SNAPSHOT_EVERY_EVENTS;
    this.kept.set(streamId, due ? { ...fold, snapshotVersion: fold.version } : fold);
    // Nobody waits for it: what cannot be saved today is saved some events later.
    if (due)
      saveSnapshot(this.pool, streamId, fold.version, snapshot.encode(fold.state)).catch(() => undefined);
  }
}
