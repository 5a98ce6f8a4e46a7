import { Inject, Injectable } from '@nestjs/common';
import { DatabaseError, Pool } from 'pg';
import type { Logger } from 'pino';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { MasterKey } from '#event-log/master-key.js';
import { readForward, readHead } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Checkpoint, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { Database } from '../database.js';
import { LOGGER } from '../logger.js';
import { Fenced, type EventBatch, type Projection } from '../projection.js';
import { ProjectionStop } from '../projection-stop.js';
import { netEffect } from './net-effect.js';
import { PersonalData } from './personal-data.js';
import { startAgain, writeSessions } from './write-sessions.js';

/** `read_model.session`: the sessions that nobody has ended, as lists show them. */
@Injectable()
export class SessionsProjection implements Projection {
  private readonly personalData: PersonalData;

  constructor(
    private readonly pool: Pool,
    private readonly database: Database,
    masterKey: MasterKey,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.personalData = new PersonalData(pool, masterKey);
  }

  async resume(): Promise<CheckpointPosition> {
    const checkpoint = await this.checkpoint();
    // Read after the checkpoint was: a log that is then behind it has lost something.
    const head = await readHead(this.pool);
    const { position } = checkpoint;
    if (checkpoint.logId !== head.logId || checkpoint.epoch !== head.epoch) {
      const start = { logId: head.logId, epoch: head.epoch, position: 0, hash: GENESIS_HASH };
      if (!(await startAgain(this.pool, checkpoint, start))) throw new Fenced('the checkpoint was moved');
      this.log.warn(
        { from: { ...checkpoint, hash: undefined }, to: { ...start, hash: undefined } },
        'projection.started-again',
      );
      return start;
    }
    if (position > head.position) {
      const message = `the log ends at ${head.position}, the read model has ${position} events`;
      throw new ProjectionStop('CHECKPOINT_AHEAD_OF_LOG', position, message);
    }
    const [applied] = position > 0 ? await readForward(this.pool, position - 1, 1) : [];
    if (position > 0 && !applied?.hash.equals(checkpoint.hash)) {
      const message = 'the log has another event here than was applied';
      throw new ProjectionStop('CHECKPOINT_DIFFERS_FROM_LOG', position, message);
    }
    return checkpoint;
  }

  async apply({ from, events }: EventBatch): Promise<CheckpointPosition> {
    const last = events.at(-1)!;
    const to = { ...from, position: last.position, hash: last.hash };
    try {
      const effect = netEffect(events);
      const personal = await this.personalData.of(
        effect.issued.map(({ issue }) => issue),
        from.logId,
      );
      const rows = effect.issued.map((session) => ({
        ...session,
        personal: personal.get(session.issue.position),
      }));
      if (await writeSessions(this.pool, from, to, rows, effect)) return to;
    } catch (cause) {
      if (!isTheEventsFault(cause)) throw cause;
      // Which one of them is at fault shows when they are few enough.
      if (events.length > 1) return this.apply({ from, events: events.slice(0, events.length >> 1) });
      if (cause instanceof ProjectionStop) throw cause;
      const reason = cause instanceof DatabaseError ? cause.code : (cause as Error).name;
      const message = `${last.type} cannot be written to the read model (${reason})`;
      throw new ProjectionStop('EVENT_NOT_APPLICABLE', last.position, message, { cause });
    }
    const [recorded] = await readForward(this.pool, last.position - 1, 1);
    if (!recorded?.hash.equals(last.hash)) {
      throw new ProjectionStop('EVENT_FOREIGN', last.position, 'the log does not have this event of the bus');
    }
    throw new Fenced(`the checkpoint is no longer at ${from.position}`);
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

/** Classes 22 and 23 of SQLSTATE: PostgreSQL refuses the values, not the statement. */
function isTheEventsFault(error: unknown): boolean {
  return (
    error instanceof ProjectionStop ||
    error instanceof TypeError ||
    (error instanceof DatabaseError && /^2[23]/.test(error.code ?? ''))
  );
}
