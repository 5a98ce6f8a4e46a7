import type { RecordedEvent } from '../event.js';
import type { Findings } from './findings.js';

interface End {
  version: number;
  position: number;
}

/** Where each stream has come to. */
export class Streams {
  private readonly ends = new Map<string, End>();

  /** `fromTheStart`: each stream has to begin with version 1. */
  constructor(
    private readonly findings: Findings,
    private readonly fromTheStart: boolean,
  ) {}

  add({ streamId, version, position }: RecordedEvent): void {
    const end = this.ends.get(streamId);
    if (!end) {
      this.ends.set(streamId, { version, position });
      if (this.fromTheStart && version !== 1) this.wrong(position, version, 1);
      return;
    }
    if (version !== end.version + 1) this.wrong(position, version, end.version + 1);
    end.version = version;
    end.position = position;
  }

  /** A row of `event_log.stream`: each has to be given once, before `finish`. */
  compare(row: { streamId: string; version: number; position: number }): void {
    const end = this.ends.get(row.streamId);
    this.ends.delete(row.streamId);
    if (!end) {
      this.findings.add(
        row.position,
        'stream',
        `${named(row.streamId)} has a row in event_log.stream (version ${row.version}), and no event`,
      );
    } else if (end.version !== row.version || end.position !== row.position) {
      this.findings.add(
        Math.max(end.position, row.position),
        'stream',
        `${named(row.streamId)} ends with version ${end.version} at ${end.position}, its row in event_log.stream says version ${row.version} at ${row.position}`,
      );
    }
  }

  finish(): void {
    for (const [streamId, { version, position }] of this.ends) {
      this.findings.add(
        position,
        'stream',
        `${named(streamId)} (version ${version}) has no row in event_log.stream`,
      );
    }
  }

  private wrong(position: number, version: number, due: number): void {
    this.findings.add(position, 'version', `has version ${version} of its stream, ${due} is due`);
  }
}

/** A stream's id is what the log's events say; whoever changed them may have made it any text. */
const named = (streamId: string) => `the stream ${JSON.stringify(streamId)}`;
