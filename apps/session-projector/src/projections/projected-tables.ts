import { DatabaseError, type Pool, type QueryConfig } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { hashAt } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Fenced, type EventBatch, type ProjectedEvent } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';

/** The schema of a set of tables, which are named alike in each: that which is read, or the next one, being built. */
export type TableSet = 'read_model' | 'read_model_next';

export type Prepare<Prepared> = (events: readonly ProjectedEvent[], logId: string) => Promise<Prepared>;

/** What a projection makes of events: its table, and how a batch is written to it. */
export interface ProjectedTable<Prepared> {
  /** Of its checkpoint. */
  readonly projection: string;
  readonly table: string;
  readonly key: string;
  /** What its rows are, for people. */
  readonly rows: string;
  /** Other tables that its statement changes. */
  readonly beside: readonly string[];
  /** As `Projection.prepare` says. */
  preparing(pool: Pool, masterKey: MasterKey): Prepare<Prepared>;
  /** Forgets what was sealed under keys that are no more; undefined where a batch has no such erasure. */
  erasure?(set: TableSet, prepared: Prepared): QueryConfig | undefined;
  /** Parts of a `WITH`, whose parameters begin at $7. Each of them asks `moved` for a row. */
  changes(set: TableSet): string;
  values(prepared: Prepared): unknown[];
}

/**
 * One statement, and so one transaction in one round trip. Where somebody else has moved the checkpoint, or the log does
 * not have the last of these events, `moved` is empty, and nothing is written.
 */
const statementFor = (set: TableSet, changes: string) => `
  WITH moved AS (
    UPDATE ${set}.checkpoint SET position = $5, hash = $6
    WHERE projection = $1 AND log_id = $2 AND epoch = $3 AND position = $4
      AND EXISTS (SELECT FROM event_log.event WHERE event.position = $5 AND event.hash = $6)
    RETURNING projection
  ), ${changes}
  SELECT projection FROM moved`;

/** A projection's tables in one set. */
export class ProjectedTables {
  readonly prepare: Prepare<unknown>;
  private readonly text: string;

  constructor(
    private readonly pool: Pool,
    masterKey: MasterKey,
    private readonly of: ProjectedTable<unknown>,
    private readonly set: TableSet,
  ) {
    this.prepare = of.preparing(pool, masterKey);
    this.text = statementFor(set, of.changes(set));
  }

  /** As `Projection.apply` promises. */
  async apply({
    from,
    events,
    prepared = this.prepare(events, from.logId),
  }: EventBatch): Promise<CheckpointPosition> {
    const last = events.at(-1)!;
    const to = { ...from, position: last.position, hash: last.hash };
    try {
      const ready = await prepared;
      if (await this.write(from, to, ready)) return to;
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

  /** Answers whether the checkpoint stood at `from`, and the log has what `to` names, so that everything was written. */
  private async write(from: CheckpointPosition, to: CheckpointPosition, prepared: unknown): Promise<boolean> {
    const { projection } = this.of;
    const write = {
      name: `${this.set}-write-${projection}`,
      text: this.text,
      values: [
        projection,
        from.logId,
        from.epoch,
        from.position,
        to.position,
        to.hash,
        ...this.of.values(prepared),
      ],
    };
    const erasure = this.of.erasure?.(this.set, prepared);
    return erasure ? this.writeBoth(write, erasure) : (await this.pool.query(write)).rowCount === 1;
  }

  /**
   * In one transaction: a crash behind the checkpoint alone would forget the erasure. The checkpoint is locked before any row,
   * as in every write: of two projectors, one waits there and is fenced.
   */
  private async writeBoth(write: QueryConfig, erasure: QueryConfig): Promise<boolean> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const isWritten = (await client.query(write)).rowCount === 1;
      if (isWritten) await client.query(erasure);
      await client.query('COMMIT');
      client.release();
      return isWritten;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

/** Classes 22 and 23 of SQLSTATE: PostgreSQL refuses the values, not the statement. */
function isTheEventsFault(error: unknown): boolean {
  return (
    error instanceof ProjectionStop ||
    error instanceof TypeError ||
    error instanceof SyntaxError ||
    (error instanceof DatabaseError && /^2[23]/.test(error.code ?? ''))
  );
}
