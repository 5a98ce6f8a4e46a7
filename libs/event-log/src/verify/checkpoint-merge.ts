import type { Checkpoints, FoundNote, OpenCheckpoint } from './checkpoints.js';

export interface PlaceInLog {
  readonly position: number;
  readonly hash: Buffer;
}

/** Walks checkpoints beside the events, both in the order of positions. */
export class CheckpointMerge {
  /** Those that are of an event that was left out. */
  skipped = 0;
  private next: OpenCheckpoint | undefined;
  private atEnd = false;

  constructor(
    readonly checkpoints: Checkpoints,
    /** In the order of positions. */
    private readonly notes: AsyncIterator<FoundNote> | Iterator<FoundNote>,
    /** Not every event is there. */
    private readonly isSparse = false,
  ) {}

  /** Compares those up to the last of `events`, which come behind `before`. */
  async through(events: readonly PlaceInLog[], before: PlaceInLog): Promise<void> {
    const last = events.at(-1)?.position ?? before.position;
    let hashes: Map<number, Buffer> | undefined;
    for (let one = await this.peek(); one && one.checkpoint.position <= last; one = await this.take()) {
      hashes ??= new Map([before, ...events].map(({ position, hash }) => [position, hash]));
      const hash = hashes.get(one.checkpoint.position) ?? null;
      if (this.isSparse && !hash) this.skipped++;
      else this.checkpoints.compare(one, hash, last);
    }
  }

  /** What is left lies behind the end of the log. */
  async finish(end: number): Promise<void> {
    for (let one = await this.peek(); one; one = await this.take()) {
      if (this.isSparse && one.checkpoint.position <= end) this.skipped++;
      else this.checkpoints.compare(one, null, end);
    }
  }

  private take(): Promise<OpenCheckpoint | undefined> {
    this.next = undefined;
    return this.peek();
  }

  private async peek(): Promise<OpenCheckpoint | undefined> {
    while (!this.next && !this.atEnd) {
      const { value, done } = await this.notes.next();
      if (done) this.atEnd = true;
      else this.next = this.checkpoints.open(value);
    }
    return this.next;
  }
}
