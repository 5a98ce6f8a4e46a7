import { DatabaseError, type Pool } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { hashAt } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Fenced, type EventBatch, type ProjectedEvent } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';
import { netEffect, type NetEffect } from './net-effect.js';
import { PersonalData } from './personal-data.js';
import { erasePersonalColumns, writeSessions, type SessionRow, type TableSet } from './write-sessions.js';

export interface Prepared {
  readonly effect: NetEffect;
  readonly rows: readonly SessionRow[];
}

/** One set of tables: that which lists read, or the next one, which is being built. */
export class SessionTables {
  private readonly personalData: PersonalData;

  constructor(
    private readonly pool: Pool,
    masterKey: MasterKey,
    private readonly set: TableSet,
  ) {
    this.personalData = new PersonalData(pool, masterKey);
  }

  /** What a batch comes to. May be asked while the one before is applied. */
  async prepare(events: readonly ProjectedEvent[], logId: string): Promise<Prepared> {
    const effect = netEffect(events);
    const personal = await this.personalData.of(
      effect.issued.map(({ issue }) => issue),
      logId,
    );
    const rows = effect.issued.map((session) => ({
      ...session,
      personal: personal.get(session.issue.position),
    }));
    return { effect, rows };
  }

  /** As `Projection.apply` promises. */
  async apply(
    { from, events }: EventBatch,
    prepared = this.prepare(events, from.logId),
  ): Promise<CheckpointPosition> {
    const last = events.at(-1)!;
    const to = { ...from, position: last.position, hash: last.hash };
    try {
      const { effect, rows } = await prepared;
      await erasePersonalColumns(this.pool, this.set, effect.erased);
      if (await writeSessions(this.pool, this.set, from, to, rows, effect)) return to;
    } catch (cause) {
      if (!isTheEventsFault(cause)) throw cause;
      // Which one of them is at fault shows when they are few enough.
      if (events.length > 1) return this.apply({ from, events: events.slice(0, events.length >> 1) });
      if (cause instanceof ProjectionStop) throw cause;
      const reason = cause instanceof DatabaseError ? cause.code : (cause as Error).name;
      const message = `${last.type} cannot be written to the read model (${reason})`;
      throw new ProjectionStop('EVENT_NOT_APPLICABLE', last.position, message, { cause });
    }
    if (!(await hashAt(this.pool, last.position))?.equals(last.hash)) {
      throw new ProjectionStop('EVENT_FOREIGN', last.position, 'the log does not have this event of the bus');
    }
    throw new Fenced(`the checkpoint is no longer at ${from.position}`);
  }
}

/** Classes 22 and 23 of SQLSTATE: PostgreSQL refuses the values, not the statement. */
function isTheEventsFault(error: unknown): boolean {
  return (
    error instanceof ProjectionStop ||
    error instanceof TypeError ||
    (error instanceof DatabaseError && /^2[23]/.test(error.code ?? ''))
  );
}
