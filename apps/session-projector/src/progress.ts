import { Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import { lagBehind, type Lag } from '#read-model/lag.js';
import { Database } from './database.js';

export interface ProgressReport {
  /** Null before the projector's first start. */
  readonly checkpoint: { readonly logId: string; readonly epoch: number; readonly position: number } | null;
  readonly lag: Lag;
}

/** How far a projection is behind the log, as both stand in PostgreSQL. */
@Injectable()
export class Progress {
  constructor(
    private readonly database: Database,
    private readonly pool: Pool,
  ) {}

  async report(projection: string): Promise<ProgressReport> {
    const checkpoints = (await this.database.connected()).getRepository(Checkpoint);
    const found = await checkpoints.findOneBy({ projection });
    const lag = await lagBehind(this.pool, found?.position ?? 0);
    if (!found) return { checkpoint: null, lag };
    const { logId, epoch, position } = found;
    return { checkpoint: { logId, epoch, position }, lag };
  }
}
