import { Injectable } from '@nestjs/common';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { createPool, KEPT_CONNECTIONS, SteadyClient } from '#event-log/connection.js';
import { AuditEntry } from '#read-model/entities/audit-entry.entity.js';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import { Session } from '#read-model/entities/session.entity.js';
import type { Config } from './config.js';

const CONNECT_WITHIN_MS = 2_000;
const STATEMENT_MS = 8_000;
const ANSWER_WITHIN_MS = 10_000;

/** For what runs with every batch. */
export const projectorPool = ({ DATABASE_URL }: Pick<Config, 'DATABASE_URL'>): Pool =>
  createPool(DATABASE_URL, {
    application_name: 'signoff-projector',
    max: 4,
    ...KEPT_CONNECTIONS,
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_WITHIN_MS,
  });

export const typeOrm = (config: Pick<Config, 'DATABASE_URL'>) =>
  TypeOrmModule.forRoot({ ...dataSourceOptions(config), manualInitialization: true });

export const dataSourceOptions = ({ DATABASE_URL }: Pick<Config, 'DATABASE_URL'>) =>
  ({
    type: 'postgres',
    url: DATABASE_URL,
    entities: [Checkpoint, Session, AuditEntry],
    installExtensions: false,
    poolSize: 2,
    connectTimeoutMS: CONNECT_WITHIN_MS,
    extra: {
      application_name: 'signoff-projector',
      query_timeout: CONNECT_WITHIN_MS,
      keepAlive: true,
      Client: SteadyClient,
    },
  }) satisfies DataSourceOptions;

/** TypeORM, for what is asked rarely. It connects when it is first needed, so that the process starts without PostgreSQL. */
@Injectable()
export class Database {
  private connecting: Promise<DataSource> | null = null;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async connected(): Promise<DataSource> {
    if (this.dataSource.isInitialized) return this.dataSource;
    this.connecting ??= this.dataSource.initialize().finally(() => (this.connecting = null));
    return this.connecting;
  }
}
