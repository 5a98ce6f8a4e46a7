import type { Pool } from 'pg';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { preparedFromLog } from '../events-behind.js';
import type { ProjectedEvent } from '../projection.js';
import type { ProjectedTables } from '../projections/projected-tables.js';
import { RebuildRefusal } from './rebuild-refusal.js';

/** Takes a set of tables forward along the log. Nobody else writes to it. */
export class Fill {
  constructor(
    private readonly pool: Pool,
    private readonly tables: ProjectedTables,
    private readonly stop: AbortSignal,
    public at: CheckpointPosition,
  ) {}

  /** Applies everything up to `last`. */
  async to(last: number, applied: (position: number) => void = () => undefined): Promise<void> {
    const prepare = (events: readonly ProjectedEvent[]) => this.tables.prepare(events, this.at.logId);
    for await (const { events, prepared } of preparedFromLog(this.at.position, last, this.pool, prepare)) {
      if (events.length > 0) await this.apply(events, prepared);
      applied(this.at.position);
    }
    this.refuseWhenStopped();
  }

  private async apply(events: readonly ProjectedEvent[], prepared?: Promise<unknown>): Promise<void> {
    this.refuseWhenStopped();
    const from = this.at;
    this.at = await this.tables.apply({ from, events, prepared });
    // A batch with an event that cannot be applied comes in pieces.
    const rest = events.slice(this.at.position - from.position);
    if (rest.length > 0) await this.apply(rest);
  }

  private refuseWhenStopped(): void {
    if (this.stop.aborted) throw new RebuildRefusal('STOPPED', 'nothing has changed for readers');
  }
}
