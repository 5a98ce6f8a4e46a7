import { HEAD_COLUMNS, type Head } from '#event-log/head.js';
import type { Pool } from 'pg';

export type TimedHead = Head & {
  /** PostgreSQL's clock, in milliseconds since 1970. */
  readonly time: number;
};

/** Reads the head after it was asked for: whoever asks before a reading begins shares it, whoever asks later gets the next. */
export class HeadReader {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<TimedHead> | undefined;

  constructor(private readonly pool: Pool) {}

  read(): Promise<TimedHead> {
    if (!this.next) {
      this.next = this.running.then(() => this.begin());
      this.running = this.next.catch(() => undefined);
    }
    return this.next;
  }

  private async begin(): Promise<TimedHead> {
    this.next = undefined;
    const { rows } = await this.pool.query<TimedHead>({
      name: 'head-and-time',
      text: `SELECT ${HEAD_COLUMNS}, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time FROM event_log.head`,
    });
    return rows[0]!;
  }
}
