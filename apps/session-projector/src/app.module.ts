import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { stopTracing } from '#telemetry/tracing.js';
import { MasterKey, masterKeyFrom } from '#event-log/master-key.js';
import { MasterKeyMissing, refuseMissingMasterKey } from '#event-log/missing-master-key.js';
import { ActivityFeed } from './activity/activity-feed.js';
import { Bus } from './bus.js';
import { CONFIG, type Config } from './config.js';
import { Database, projectorPool, typeOrm } from './database.js';
import { HealthController } from './http/health.controller.js';
import { MetricsController } from './http/metrics.controller.js';
import { LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import { Progress } from './progress.js';
import { Projector } from './projector.js';
import { AuditProjection } from './projections/audit.js';
import { ProjectionsController } from './projections/projections.controller.js';
import { SessionsProjection } from './projections/sessions.js';

@Module({})
export class AppModule implements OnApplicationShutdown {
  static with(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [typeOrm(config)],
      controllers: [ProjectionsController, HealthController, MetricsController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: Pool, useFactory: () => projectorPool(config) },
        { provide: MasterKey, inject: [Pool], useFactory: (pool: Pool) => checkedMasterKey(config, pool) },
        Database,
        Bus,
        ActivityFeed,
        Progress,
        Metrics,
        SessionsProjection,
        AuditProjection,
        Projector,
      ],
    };
  }

  constructor(private readonly pool: Pool) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
    await stopTracing();
  }
}

/** Without PostgreSQL the process starts all the same: a wrong key then stops it at the first event that is sealed. */
async function checkedMasterKey(config: Config, pool: Pool): Promise<MasterKey> {
  const masterKey = masterKeyFrom(config);
  try {
    await refuseMissingMasterKey(pool, masterKey);
  } catch (error) {
    if (error instanceof MasterKeyMissing) throw error;
  }
  return masterKey;
}
