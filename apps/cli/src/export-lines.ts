import { endLine, type ExportEnd, type ExportHeader } from '#event-log/export-format.js';
import { CliError } from './cli-error.js';
import type { PartOfExport } from './part-of-export.js';

const END = '{"end":';

/** The lines of an answer, as they are to be written; behind a part of an export that was there, as one export with it. */
export class ExportLines {
  isComplete = false;
  events: number;
  private isFirst = true;
  private rest = '';

  constructor(private readonly part: PartOfExport | undefined) {
    this.events = part?.events ?? 0;
  }

  /** Ends where the answer was cut off, so that what came is written; throws if nothing came. */
  async *of(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    const answer = chunks[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await answer.next().catch((error: Error) => {
        if (this.isFirst) throw new CliError(`failed: ${error.message}`, { cause: error });
        return { value: undefined, done: true as const };
      });
      if (done) return;
      const lines = (this.rest + decoder.decode(value, { stream: true })).split('\n');
      this.rest = lines.pop()!;
      const text = lines.map((line) => this.line(line)).join('');
      if (text !== '') yield text;
    }
  }

  private line(text: string): string {
    if (this.isFirst) return this.header(text);
    if (text.startsWith(END)) {
      this.isComplete = true;
      const { end } = JSON.parse(text) as { end: ExportEnd };
      return this.part ? endLine({ ...end, events: end.events + this.part.events }) : `${text}\n`;
    }
    if (text.startsWith('{"position":')) this.events++;
    return `${text}\n`;
  }

  private header(text: string): string {
    this.isFirst = false;
    if (!this.part) return `${text}\n`;
    const { logId, epoch, after } = JSON.parse(text) as ExportHeader;
    const { header, position } = this.part;
    if (logId !== header.logId || epoch !== header.epoch || after !== position) {
      throw new CliError(
        `the export that was begun is of log ${header.logId} in epoch ${header.epoch}, this is ${logId} in epoch ${epoch}: begin it anew`,
      );
    }
    return '';
  }
}
