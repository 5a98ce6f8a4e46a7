import { createReadStream } from 'node:fs';
import { type ExportHeader, ExportMalformed, readExport } from '#event-log/export-format.js';
import { CliError } from './cli-error.js';

export interface PartOfExport {
  readonly header: ExportHeader;
  readonly isComplete: boolean;
  readonly events: number;
  /** Of the last event. */
  readonly position: number;
  /** The length of all whole lines. */
  readonly bytes: number;
}

/** Where an export ends that was begun in a file, and cut off there or not. */
export async function findEnd(file: string): Promise<PartOfExport> {
  let bytes = 0;
  let [events, position, isComplete] = [0, 0, false];
  let header: ExportHeader | undefined;
  try {
    for await (const lines of readExport(wholeLines(file, (length) => (bytes += length)))) {
      for (const line of lines) {
        if ('header' in line) {
          header = line.header;
          position = header.after;
        } else if ('end' in line) isComplete = true;
        else if ('event' in line) {
          events++;
          position = line.event.position;
        }
      }
    }
  } catch (error) {
    if (error instanceof ExportMalformed)
      throw new CliError(`${file} is no export that can be gone on with: ${error.message}`);
    throw error;
  }
  if (!header) throw new CliError(`${file} has no whole line: remove it, and begin anew`);
  return { header, isComplete, events, position, bytes };
}

async function* wholeLines(file: string, count: (length: number) => void): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    const all = Buffer.concat([rest, chunk]);
    const end = all.lastIndexOf(0x0a) + 1;
    rest = all.subarray(end);
    if (end === 0) continue;
    count(end);
    yield all.toString('utf8', 0, end);
  }
}
