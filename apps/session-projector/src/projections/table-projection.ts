import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import type { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import { checkpointFault } from '../checkpoint-fault.js';
import type { Database } from '../database.js';
import { Fenced, type EventBatch, type ProjectedEvent, type Projection } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';
import { ProjectedTables, type ProjectedTable } from './projected-tables.js';
import { startAgain } from './start-again.js';

/** Keeps the table that is read. */
export abstract class TableProjection implements Projection {
  abstract readonly lockId: number;
  readonly name: string;
  private readonly tables: ProjectedTables;

  constructor(
    private readonly of: ProjectedTable<unknown>,
    private readonly pool: Pool,
    private readonly database: Database,
    masterKey: MasterKey,
    private readonly log: Logger,
  ) {
    this.name = of.projection;
    this.tables = new ProjectedTables(pool, masterKey, of, 'read_model');
  }

  async resume(): Promise<CheckpointPosition> {
    const checkpoint = await this.checkpoint();
    const head = await readHead(this.pool);
    const fault = await checkpointFault(this.pool, checkpoint, head);
    if (fault?.code === 'OF_ANOTHER_LOG') {
      const start = { logId: head.logId, epoch: head.epoch, position: 0, hash: GENESIS_HASH };
      if (!(await startAgain(this.pool, this.of, checkpoint, start))) {
        throw new Fenced('the checkpoint was moved');
      }
      this.log.warn(
        {
          projection: this.name,
          from: { ...checkpoint, hash: undefined },
          to: { ...start, hash: undefined },
        },
        'projection.started-again',
      );
      return start;
    }
    if (fault) throw new ProjectionStop(fault.code, checkpoint.position, fault.reason);
    return checkpoint;
  }

  prepare(events: readonly ProjectedEvent[], logId: string): Promise<unknown> {
    return this.tables.prepare(events, logId);
  }

  apply(batch: EventBatch): Promise<CheckpointPosition> {
    return this.tables.apply(batch);
  }

  private async checkpoint(): Promise<CheckpointPosition> {
    const database = await this.database.connected();
    await database.query(
      `INSERT INTO read_model.checkpoint (projection, log_id, epoch, position, hash)
       SELECT $1, log_id, epoch, 0, $2 FROM event_log.head ON CONFLICT (projection) DO NOTHING`,
      [this.name, GENESIS_HASH],
    );
    return database.getRepository(Checkpoint).findOneByOrFail({ projection: this.name });
  }
}
