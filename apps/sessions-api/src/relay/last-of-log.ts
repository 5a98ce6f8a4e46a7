import type { JetStreamManager, StreamState } from '@nats-io/jetstream';
import { STREAM } from '#bus/subjects.js';
import { type Mark, markOf } from './mark.js';

const STEP = 100;

export interface LastOfLog {
  /** How far relays came: what is behind is foreign. */
  readonly position: number;
  /** Null when the stream does not hold that message. */
  readonly mark: Mark | null;
  readonly foreign: number;
}

/** Goes back from the stream's end, past what is foreign, to the last message that a relay published. */
export async function lastOfLog(manager: JetStreamManager, state: StreamState): Promise<LastOfLog> {
  const { first_seq: first, last_seq: last, messages } = state;
  if (messages === 0) return { position: last, mark: null, foreign: 0 };
  let foreign = 0;
  for (let from = last, to = last; to >= first; to = from - 1) {
    from = Math.max(first, to === last ? last : to - STEP + 1);
    const sequences = Array.from({ length: to - from + 1 }, (_, i) => to - i);
    const held = await Promise.all(sequences.map((seq) => manager.streams.getMessage(STREAM, { seq })));
    for (const message of held) {
      const mark = message && markOf(message);
      if (mark) return { position: mark.position, mark, foreign };
      if (message) foreign++;
    }
  }
  return { position: first - 1, mark: null, foreign };
}
