import type { StreamInfo } from '@nats-io/jetstream';

export interface Reached {
  readonly streamCreated: string;
  /** The sequences that were read, and all between; `to` is less than `from` when there were none. */
  readonly from: number;
  readonly to: number;
  /** When the stream had nothing beyond. */
  readonly askedAt: number;
}

/** A reading of a stream that leaves out no message. Throws when it cannot go on so: then another one has to begin. */
export class StreamReading {
  private streamCreated: string | undefined;
  private from: number | undefined;
  private to: number | undefined;
  private goal: { readonly sequence: number; readonly askedAt: number } | undefined;

  /** To be called with what the stream held at a time, before it is read further. */
  expect({ created, state }: Pick<StreamInfo, 'created' | 'state'>, askedAt: number): void {
    this.streamCreated ??= created;
    if (created !== this.streamCreated) throw new Error('the stream was made anew');
    if (this.to === undefined && state.messages === 0) this.to = state.last_seq;
    if (this.to !== undefined && (state.last_seq < this.to || state.first_seq > this.to + 1)) {
      throw new Error(
        `the stream has ${state.first_seq} to ${state.last_seq}, and not what follows ${this.to}`,
      );
    }
    this.goal ??= { sequence: state.last_seq, askedAt };
  }

  take(sequence: number): void {
    if (this.to !== undefined && sequence !== this.to + 1) throw new Error(`${sequence} follows ${this.to}`);
    this.to = sequence;
    this.from ??= sequence;
  }

  /** What was read so far does not count. */
  beginAnew(): void {
    this.from = undefined;
  }

  /** What was read, once, as soon as it is all that was expected. */
  reached(): Reached | null {
    const { streamCreated, from, to, goal } = this;
    if (streamCreated === undefined || to === undefined || goal === undefined || to < goal.sequence)
      return null;
    this.goal = undefined;
    return { streamCreated, from: from ?? to + 1, to, askedAt: goal.askedAt };
  }
}
