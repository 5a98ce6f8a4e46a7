import type { Pool } from 'pg';
import { TIMED_HEAD_COLUMNS, type TimedHead } from '../revocations/revocations-page.js';
import { lease, nameOf, type Subscriber } from '../effect/subscribers.js';

/**
 * Reads the head after it was asked for: whoever asks before a reading begins shares it, whoever asks later gets the next.
 * Subscribers that ask are registered before.
 */
export class HeadReader {
  private running: Promise<unknown> = Promise.resolve();
  private next: { readonly head: Promise<TimedHead>; readonly asking: Map<string, Subscriber> } | undefined;

  constructor(private readonly pool: Pool) {}

  read(subscriber?: Subscriber): Promise<TimedHead> {
    if (!this.next) {
      const asking = new Map<string, Subscriber>();
      this.next = { asking, head: this.running.then(() => this.begin(asking)) };
      this.running = this.next.head.catch(() => undefined);
    }
    if (subscriber) this.next.asking.set(nameOf(subscriber), subscriber);
    return this.next.head;
  }

  private async begin(asking: Map<string, Subscriber>): Promise<TimedHead> {
    this.next = undefined;
    await lease(this.pool, [...asking.values()]);
    const { rows } = await this.pool.query<TimedHead>({
      name: 'head-and-time',
      text: `SELECT ${TIMED_HEAD_COLUMNS} FROM event_log.head`,
    });
    return rows[0]!;
  }
}
