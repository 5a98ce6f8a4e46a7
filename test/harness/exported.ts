import {
  checkpointLine,
  endLine,
  eventLine,
  type ExportHeader,
  headerLine,
} from '#event-log/export-format.js';
import type { RecordedEvent } from '#event-log/event.js';
import { GENESIS_HASH } from '#event-log/hash-chain.js';

/** The lines of an export of the whole log: of `events` those behind `header.after`. */
export function exported(
  header: ExportHeader,
  events: readonly RecordedEvent[],
  noteAt: ReadonlyMap<number, string> = new Map(),
): string[] {
  const hashes = new Map(events.map(({ position, hash }) => [position, hash]));
  const behind = events.filter(({ position }) => position > header.after);
  return [
    headerLine(header),
    ...behind.flatMap((event) => {
      const note = noteAt.get(event.position);
      const previousHash = hashes.get(event.position - 1) ?? GENESIS_HASH;
      return [eventLine({ event, previousHash }), ...(note === undefined ? [] : [checkpointLine(note)])];
    }),
    endLine({ events: behind.length, position: events.at(-1)?.position ?? header.after }),
  ];
}
