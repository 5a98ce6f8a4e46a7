import { Inject, Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { MasterKey } from '#event-log/master-key.js';
import { Database } from '../database.js';
import { LOGGER } from '../logger.js';
import { SESSIONS_TABLE } from './sessions-table.js';
import { TableProjection } from './table-projection.js';

/** What lists are read from. */
@Injectable()
export class SessionsProjection extends TableProjection {
  readonly lockId = 51_600_004;

  constructor(pool: Pool, database: Database, masterKey: MasterKey, @Inject(LOGGER) log: Logger) {
    super(SESSIONS_TABLE, pool, database, masterKey, log);
  }
}
