import { Inject, Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Checkpoint, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { checkpointFault } from '../checkpoint-fault.js';
import { Database } from '../database.js';
import { LOGGER } from '../logger.js';
import { Fenced, type EventBatch, type Projection } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';
import { SessionTables } from './session-tables.js';
import { startAgain } from './write-sessions.js';

/** `read_model.session`: the sessions that nobody has ended, as lists show them. */
@Injectable()
export class SessionsProjection implements Projection {
  private readonly tables: SessionTables;

  constructor(
    private readonly pool: Pool,
    private readonly database: Database,
    masterKey: MasterKey,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.tables = new SessionTables(pool, masterKey, 'read_model');
  }

  async resume(): Promise<CheckpointPosition> {
    const checkpoint = await this.checkpoint();
    const head = await readHead(this.pool);
    const fault = await checkpointFault(this.pool, checkpoint, head);
    if (fault?.code === 'OF_ANOTHER_LOG') {
      const start = { logId: head.logId, epoch: head.epoch, position: 0, hash: GENESIS_HASH };
      if (!(await startAgain(this.pool, checkpoint, start))) throw new Fenced('the checkpoint was moved');
      this.log.warn(
        { from: { ...checkpoint, hash: undefined }, to: { ...start, hash: undefined } },
        'projection.started-again',
      );
      return start;
    }
    if (fault) throw new ProjectionStop(fault.code, checkpoint.position, fault.reason);
    return checkpoint;
  }

  apply(batch: EventBatch): Promise<CheckpointPosition> {
    return this.tables.apply(batch);
  }

  private async checkpoint(): Promise<CheckpointPosition> {
    const database = await this.database.connected();
    await database.query(
      `INSERT INTO read_model.checkpoint (projection, log_id, epoch, position, hash)
       SELECT $1, log_id, epoch, 0, $2 FROM event_log.head ON CONFLICT (projection) DO NOTHING`,
      [SESSIONS_PROJECTION, GENESIS_HASH],
    );
    return database.getRepository(Checkpoint).findOneByOrFail({ projection: SESSIONS_PROJECTION });
  }
}
