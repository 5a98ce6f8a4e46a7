import type { Pool } from 'pg';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { eventsFromLog, type Delivery } from '../events-behind.js';
import type { ProjectedEvent } from '../projection.js';
import type { ProjectedTables } from '../projections/projected-tables.js';
import { RebuildRefusal } from './rebuild-refusal.js';

const BATCH = 5_000;

/** Takes a set of tables forward along the log. Nobody else writes to it. */
export class Fill {
  constructor(
    private readonly pool: Pool,
    private readonly tables: ProjectedTables,
    private readonly stop: AbortSignal,
    public at: CheckpointPosition,
  ) {}

  /** Applies everything up to `last`: while a batch is written, the next is opened, and the one after it read. */
  async to(last: number, applied: (position: number) => void = () => undefined): Promise<void> {
    const deliveries = ahead(eventsFromLog(this.at.position, last, this.pool, BATCH));
    for await (const { events, stop, prepared } of ahead(this.prepare(deliveries))) {
      if (events.length > 0) await this.apply(events, prepared);
      applied(this.at.position);
      if (stop) throw stop;
    }
    this.refuseWhenStopped();
  }

  private async apply(events: readonly ProjectedEvent[], prepared?: Promise<unknown>): Promise<void> {
    this.refuseWhenStopped();
    const from = this.at;
    this.at = await this.tables.apply({ from, events }, prepared);
    // A batch with an event that cannot be applied comes in pieces.
    const rest = events.slice(this.at.position - from.position);
    if (rest.length > 0) await this.apply(rest);
  }

  private async *prepare(deliveries: AsyncGenerator<Delivery>) {
    for await (const { events, stop } of deliveries) {
      const prepared = this.tables.prepare(events, this.at.logId);
      prepared.catch(() => undefined);
      yield { events, stop, prepared };
    }
  }

  private refuseWhenStopped(): void {
    if (this.stop.aborted) throw new RebuildRefusal('STOPPED', 'nothing has changed for readers');
  }
}

async function* ahead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let coming = source.next();
  for (;;) {
    const { done, value } = await coming;
    if (done) return;
    coming = source.next();
    coming.catch(() => undefined);
    yield value;
  }
}
