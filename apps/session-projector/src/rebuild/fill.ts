import type { Pool } from 'pg';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { eventsFromLog } from '../events-behind.js';
import type { SessionTables } from '../projections/session-tables.js';
import { RebuildRefusal } from './rebuild-refusal.js';

const BATCH = 5_000;

/** Takes a set of tables forward along the log. Nobody else writes to it. */
export class Fill {
  constructor(
    private readonly pool: Pool,
    private readonly tables: SessionTables,
    private readonly stop: AbortSignal,
    public at: CheckpointPosition,
  ) {}

  /** Applies everything up to `last`, reading the next batch while one is applied. */
  async to(last: number, applied: (position: number) => void = () => undefined): Promise<void> {
    for await (const { events, stop } of ahead(eventsFromLog(this.at.position, last, this.pool, BATCH))) {
      let rest = events;
      while (rest.length > 0) {
        this.refuseWhenStopped();
        const from = this.at;
        this.at = await this.tables.apply({ from, events: rest });
        rest = rest.slice(this.at.position - from.position);
        applied(this.at.position);
      }
      if (stop) throw stop;
    }
    this.refuseWhenStopped();
  }

  private refuseWhenStopped(): void {
    if (this.stop.aborted) throw new RebuildRefusal('STOPPED', 'nothing has changed for lists');
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
