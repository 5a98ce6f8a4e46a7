import { endLine, type ExportEnd, type ExportHeader } from '#event-log/export-format.js';
import { CliError } from './cli-error.js';
import type { PartOfExport } from './part-of-export.js';

const END = '{"end":';

/** The lines of an answer, as they are to be written; behind a part of an export that was there, as one export with it. */
export class ExportLines {
  isComplete = false;
  hasBegun = false;
  events: number;
  private isFirst = true;
  private rest = '';

  constructor(private readonly part: PartOfExport | undefined) {
    this.events = part?.events ?? 0;
  }

  async *of(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    for await (const chunk of chunks) {
      this.hasBegun = true;
      const lines = (this.rest + decoder.decode(chunk, { stream: true })).split('\n');
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
