import type { Append } from './append.js';
import type { Written } from './group-sql.js';
import type { Head } from './head.js';
import { type Moment, millisecondsSince } from './moment.js';
import type { LogState } from './plan-group.js';
import type { StreamPlace } from './stream-look.js';

const RECENT_MS = 100;

/** What a writer wrote last. */
export interface LastGroup extends Written {
  /** As the group left it. */
  readonly head: Head;
  /** Before PostgreSQL said what time it is. */
  readonly askedAt: Moment;
  /** Whether it came behind another one of this writer: nobody else seems to write. */
  readonly followsOwn: boolean;
}

/**
 * The log as it has to be for `appends` to be written behind the last group without anything read before: that is the head
 * still, and each stream is where the decision had it. Undefined where somebody else writes too, or an append says more
 * than where its stream was.
 */
export function logBehind(last: LastGroup, appends: readonly Append[]): LogState | undefined {
  const age = millisecondsSince(last.askedAt);
  if (!last.followsOwn || age >= RECENT_MS) return undefined;
  const streams = new Map<string, StreamPlace>();
  for (const { streamId, expectedVersion, expectedRow = null, events, command, destroyedKeys } of appends) {
    if (expectedVersion === null || events.length === 0 || command || destroyedKeys?.length) return undefined;
    if (!streams.has(streamId)) streams.set(streamId, { version: expectedVersion, row: expectedRow });
  }
  // What PostgreSQL's time is at the most: never earlier than one that it has told a decision.
  return { head: last.head, now: Math.ceil(last.now + age), row: null, streams, outcomes: new Map() };
}
