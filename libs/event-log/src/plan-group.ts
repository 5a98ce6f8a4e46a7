import {
  commandKeyText,
  type Append,
  type AppendOutcome,
  type KeyedCommand,
  type RecordedOutcome,
} from './append.js';
import type { RecordedEvent } from './event.js';
import { hashEvent } from './hash-chain.js';
import type { Head } from './head.js';
import { LogError } from './log-error.js';
import type { SubjectKey } from './sealing.js';
import type { StreamPlace } from './stream-look.js';

const MAX_CLOCK_LAG_MS = 5_000;

/** What a group is written behind: as it was read under the head's lock, or as it has to be for the group to be written. */
export interface LogState {
  readonly head: Head;
  /** PostgreSQL's clock, in milliseconds since 1970. */
  readonly now: number;
  readonly streams: ReadonlyMap<string, StreamPlace>;
  /** What the rows of streams are named that the group writes, if that is known. */
  readonly row: string | null;
  readonly outcomes: ReadonlyMap<string, RecordedOutcome>;
}

export interface GroupPlan {
  readonly outcomes: readonly AppendOutcome[];
  readonly events: readonly RecordedEvent[];
  readonly streams: ReadonlyMap<string, { version: number; position: number }>;
  readonly subjectKeys: readonly (SubjectKey & { streamId: string })[];
  readonly destroyedKeys: readonly string[];
  readonly commands: readonly (KeyedCommand & { streamId: string; position: number | null })[];
  /** The head that the events stand behind, and what becomes of it. */
  readonly behind: Head;
  readonly head: Head;
}

/**
 * Gives every append of a group its outcome, and the events their places, as if the appends had come one after another.
 * An append that conflicts or repeats fails alone. Never reads or writes anything.
 */
export function planGroup(appends: readonly Append[], log: LogState): GroupPlan {
  if (log.head.recordedAt - log.now > MAX_CLOCK_LAG_MS) {
    const lead = log.head.recordedAt - log.now;
    throw new LogError(
      'LOG_CLOCK_BEHIND',
      `the log's newest time lies ${lead} ms ahead of PostgreSQL's clock`,
    );
  }
  const recordedAt = Math.max(log.head.recordedAt, log.now);
  const known = new Map(log.outcomes);
  const events: RecordedEvent[] = [];
  const streams: Map<string, { version: number; position: number }> = new Map();
  const subjectKeys: (SubjectKey & { streamId: string })[] = [];
  const destroyedKeys: string[] = [];
  const commands: (KeyedCommand & { streamId: string; position: number | null })[] = [];
  let head = log.head;

  const outcomes = appends.map((append): AppendOutcome => {
    const { streamId, command } = append;
    const repeated = command && known.get(commandKeyText(command));
    if (repeated) return { kind: 'repeated', ...repeated };

    const found = streams.get(streamId) ?? log.streams.get(streamId);
    let version = found?.version ?? 0;
    if (append.expectedVersion !== null && append.expectedVersion !== version) return { kind: 'conflict' };
    const isOther = found && 'row' in found && append.expectedRow && append.expectedRow !== found.row;
    if (isOther) return { kind: 'conflict' };

    const recorded = append.events.map((event) => {
      const isRevocation = event.type === 'SessionRevoked';
      // Written out, as the head below: for V8 to copy them takes three times as long as all else that is done here.
      const place = {
        eventId: event.eventId,
        type: event.type,
        schema: event.schema,
        data: event.data,
        sealed: event.sealed,
        metadata: event.metadata,
        streamId,
        position: head.position + 1,
        version: ++version,
        recordedAt,
        revocation: isRevocation ? head.revocations + 1 : null,
      };
      const hash = hashEvent(head.logId, head.hash, place);
      head = {
        logId: head.logId,
        epoch: head.epoch,
        position: place.position,
        revocations: place.revocation ?? head.revocations,
        revocationsFloor: head.revocationsFloor,
        hash,
        recordedAt,
      };
      return Object.assign(place, { hash });
    });
    if (recorded.length > 0) {
      events.push(...recorded);
      streams.set(streamId, { version, position: head.position });
    }
    if (append.subjectKey) subjectKeys.push({ ...append.subjectKey, streamId });
    destroyedKeys.push(...(append.destroyedKeys ?? []));
    if (command) {
      const position = recorded.at(-1)?.position ?? null;
      commands.push({ ...command, streamId, position });
      known.set(commandKeyText(command), { ...command, position });
    }
    return { kind: 'appended', events: recorded, row: log.row };
  });

  return { outcomes, events, streams, subjectKeys, destroyedKeys, commands, behind: log.head, head };
}
