import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { RecordedEvent } from './event.js';
import { readSnapshot, saveSnapshot } from './snapshot.js';
import { readStream } from './read.js';
import { type LookMoment, type StreamPlace, StreamLooks } from './stream-look.js';

/** How the events of one kind of stream are folded. */
export interface Projection<State> {
  readonly initialState: State;
  readonly apply: (state: State, event: RecordedEvent) => State;
  /** Where streams can grow long: how a fold is kept in the log, so that no look has to begin at their beginning. */
  readonly snapshot?: SnapshotFormat<State>;
  /** Where a state can be large: of how many parts it is. */
  readonly partsOf?: (state: State) => number;
}

export interface SnapshotFormat<State> {
  readonly encode: (state: State) => Buffer;
  /** Null when the bytes were written by a version that folded otherwise. */
  readonly decode: (bytes: Buffer) => State | null;
}

const SNAPSHOT_EVERY_EVENTS = 100;
/** Of a kept stream on average: where there are more, fewer streams are kept, so that the memory has a bound. */
const PARTS_OF_A_STREAM = 5;

export interface Fold<State> {
  readonly version: number;
  /** Of the stream's event at that version; null at 0. */
  readonly eventId: string | null;
  /** Where that event stands in the log; 0 at 0. */
  readonly position: number;
  /** The stream's row (`STREAM_ROW`) at that version; null at 0, and when it is not known. */
  readonly row: string | null;
  readonly state: State;
  /** Up to where the stream's snapshot goes; 0 when there is none. */
  readonly snapshotVersion: number;
}

const NOTHING = { version: 0, eventId: null, position: 0, row: null, snapshotVersion: 0 };

/** A fold that was the stream's newest when it was looked up. */
export type CurrentFold<State> = Fold<State> & LookMoment;

/**
 * Folds of streams, kept for the next time. What is kept is never trusted: each look compares its version with
 * `event_log.stream`, read after the look began, and folds the events that are missing. A version alone does not say
 * which events led to it: a log that was put back to an older copy reaches the same one with others. So the stream's row
 * has to be the same as well, or else the log has to have the event that the fold ends with.
 */
export class Folds<State> {
  private readonly kept: LRUCache<string, Fold<State>>;

  constructor(
    private readonly pool: Pool,
    private readonly projection: Projection<State>,
    maxStreams: number,
    private readonly looks = new StreamLooks(pool),
  ) {
    this.kept = new LRUCache({
      max: maxStreams,
      maxSize: maxStreams * PARTS_OF_A_STREAM,
      sizeCalculation: ({ state }) => Math.max(1, projection.partsOf?.(state) ?? 1),
    });
  }

  /** `since`: a look by which it may be known already, without another one. */
  async current(streamId: string, since?: LookMoment): Promise<CurrentFold<State>> {
    const known = since && this.known(streamId, since);
    if (known) return known;
    for (;;) {
      const kept = this.kept.get(streamId);
      const look = await this.looks.look(streamId);
      const { version, row, moment } = look;
      if (kept && isAt(look, kept)) return foundAt(moment, kept);
      const usable = kept !== undefined && kept.version <= version;
      if (!usable) this.kept.delete(streamId);
      const fold = await this.foldOn(streamId, usable ? kept : await this.begin(streamId, version));
      if (fold) {
        const current = { ...fold, row: fold.version === version ? row : null };
        this.keep(streamId, current);
        return foundAt(moment, current);
      }
      this.kept.delete(streamId);
    }
  }

  /** As it was at that look or later, if that is known without another one. */
  known(streamId: string, since: LookMoment): CurrentFold<State> | undefined {
    const kept = this.kept.get(streamId);
    const place = kept && this.looks.knownSince(since, streamId);
    return place && isAt(place, kept) ? foundAt(since, kept) : undefined;
  }

  /** As it was a tenth of a second ago or later, if that is known without a look. An append shows whether it still is so. */
  recent(streamId: string): CurrentFold<State> | undefined {
    const moment = this.looks.recent();
    return moment && this.known(streamId, moment);
  }

  /** Has the stream itself looked at the next time, whatever is known of where it is. */
  doubt(streamId: string): void {
    this.looks.forget(streamId);
  }

  /** Takes in what this process has just appended, so that the next look need not read it. */
  appended(
    streamId: string,
    base: Fold<State>,
    { events, row }: { readonly events: readonly RecordedEvent[]; readonly row: string | null },
  ): void {
    this.keep(streamId, this.extend(base, events, events.length > 0 ? row : base.row));
  }

  private async begin(streamId: string, version: number): Promise<Fold<State>> {
    const isLong = this.projection.snapshot && version >= SNAPSHOT_EVERY_EVENTS;
    const saved = isLong ? await readSnapshot(this.pool, streamId) : undefined;
    const state = saved && this.projection.snapshot!.decode(saved.snapshot);
    if (!saved || !state) return { ...NOTHING, state: this.projection.initialState };
    const { snapshot: _, ...at } = saved;
    return { ...at, row: null, state, snapshotVersion: at.version };
  }

  /** Null when the log no longer has the event that the base ends with: it was put back to an older copy. */
  private async foldOn(streamId: string, base: Fold<State>): Promise<Fold<State> | null> {
    if (base.version === 0) return this.extend(base, await readStream(this.pool, streamId, 0));
    const [last, ...events] = await readStream(this.pool, streamId, base.version - 1);
    return last?.eventId === base.eventId ? this.extend(base, events) : null;
  }

  /** Written out, like `foundAt`. */
  private extend(base: Fold<State>, events: readonly RecordedEvent[], row = base.row): Fold<State> {
    const { version, eventId, position } = events.at(-1) ?? base;
    return {
      version,
      eventId,
      position,
      row,
      state: events.reduce((state, event) => this.projection.apply(state, event), base.state),
      snapshotVersion: base.snapshotVersion,
    };
  }

  private keep(streamId: string, fold: Fold<State>): void {
    if (fold.version < (this.kept.peek(streamId)?.version ?? 0)) return;
    const { snapshot } = this.projection;
    const due = snapshot && fold.version - fold.snapshotVersion >= SNAPSHOT_EVERY_EVENTS;
    this.kept.set(streamId, due ? { ...fold, snapshotVersion: fold.version } : fold);
    // Nobody waits for it: what cannot be saved today is saved some events later.
    if (due) {
      const { version, eventId, state } = fold;
      const saved = { version, eventId: eventId!, snapshot: snapshot.encode(state) };
      saveSnapshot(this.pool, streamId, saved).catch(() => undefined);
    }
  }
}

/** Written out: each request comes here, and V8 takes long to copy what it does not know the properties of. */
const foundAt = <State>({ now, isKept }: LookMoment, fold: Fold<State>): CurrentFold<State> => ({
  version: fold.version,
  eventId: fold.eventId,
  position: fold.position,
  row: fold.row,
  state: fold.state,
  snapshotVersion: fold.snapshotVersion,
  now,
  isKept,
});

const isAt = ({ version, row }: StreamPlace, fold: Fold<unknown>) =>
  fold.version === version && fold.row === row;
