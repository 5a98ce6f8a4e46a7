import type { Append } from './append.js';
import type { Written } from './group-sql.js';
import type { Head } from './head.js';
import type { LogState } from './plan-group.js';
import { timeAtMost, type ToldTime } from './postgres-time.js';
import type { StreamPlace } from './stream-look.js';

/** What a writer wrote last. */
export interface LastGroup extends Written, ToldTime {
  /** As the group left it. */
  readonly head: Head;
  /** Whether it came behind another one of this writer: nobody else seems to write. */
  readonly followsOwn: boolean;
}

/**
 * The log as it has to be for `appends` to be written behind the last group without anything read before: that is the head
 * still, and each stream is where the decision had it. Undefined where somebody else writes too, or an append says more
 * than where its stream was.
 */
export function logBehind(last: LastGroup, appends: readonly Append[]): LogState | undefined {
  const now = timeAtMost(last);
  if (!last.followsOwn || now === undefined) return undefined;
  const streams = new Map<string, StreamPlace>();
  for (const { streamId, expectedVersion, expectedRow = null, events, command, destroyedKeys } of appends) {
    if (expectedVersion === null || events.length === 0 || command || destroyedKeys?.length) return undefined;
    if (!streams.has(streamId)) streams.set(streamId, { version: expectedVersion, row: expectedRow });
  }
  return { head: last.head, now, row: null, streams, outcomes: new Map() };
}
