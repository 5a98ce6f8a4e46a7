import { Inject, Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { MasterKey } from '#event-log/master-key.js';
import { Database } from '../database.js';
import { LOGGER } from '../logger.js';
import { AUDIT_TABLE } from './audit-table.js';
import { TableProjection } from './table-projection.js';

/** What the audit trail is searched in. */
@Injectable()
export class AuditProjection extends TableProjection {
  readonly lockId = 51_600_006;

  constructor(pool: Pool, database: Database, masterKey: MasterKey, @Inject(LOGGER) log: Logger) {
    super(AUDIT_TABLE, pool, database, masterKey, log);
  }
}
