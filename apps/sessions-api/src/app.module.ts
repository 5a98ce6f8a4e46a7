import { AccountFolds } from '#event-log/account-stream.js';
import { ApiKeyFolds } from '#event-log/api-key-stream.js';
import { createPool, KEPT_CONNECTIONS } from '#event-log/connection.js';
import { MasterKey, masterKeyFrom } from '#event-log/master-key.js';
import { refuseMissingMasterKey } from '#event-log/missing-master-key.js';
import { readHead } from '#event-log/read.js';
import { StreamLooks } from '#event-log/stream-look.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import { stopTracing } from '#telemetry/tracing.js';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { AccessGuard } from './access/access.guard.js';
import { ApiKeys } from './access/api-keys.js';
import { Authenticator } from './access/authenticator.js';
import { SessionCredentials } from './access/session-credentials.js';
import { SigningKeys } from './access/signing-keys.js';
import { ActivityRecorder } from './activity/activity-recorder.js';
import { IdleSessions } from './activity/idle-sessions.js';
import { CreateApiKeyHandler } from './commands/create-api-key.js';
import { Decisions } from './commands/decisions.js';
import { ErasePersonalDataHandler } from './commands/erase-personal-data.js';
import { ExtendSessionHandler } from './commands/extend-session.js';
import { IssueSessionHandler } from './commands/issue-session.js';
import { RecordActivityHandler } from './commands/record-activity.js';
import { RecordAuditReadHandler } from './commands/record-audit-read.js';
import { RevokeApiKeyHandler } from './commands/revoke-api-key.js';
import { RevokeSessionHandler } from './commands/revoke-session.js';
import { RevokeSessionsHandler } from './commands/revoke-sessions.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { CONFIG, type Config } from './config.js';
import { refuseUnsafeDatabase } from './database-check.js';
import { AccountSessionsController } from './http/account-sessions.controller.js';
import { AccountActivityController } from './http/account-activity.controller.js';
import { AuditController } from './http/audit.controller.js';
import { ApiKeysController } from './http/api-keys.controller.js';
import { CheckpointKeyController, CheckpointsController } from './http/checkpoints.controller.js';
import { EffectAnswers } from './http/effect-answers.js';
import { HealthController } from './http/health.controller.js';
import { IntrospectionController } from './http/introspection.controller.js';
import { JwksController } from './http/jwks.controller.js';
import { MetricsController } from './http/metrics.controller.js';
import { OperatorSessionsController } from './http/operator-sessions.controller.js';
import { PersonalDataController } from './http/personal-data.controller.js';
import { ProblemFilter } from './http/problem.filter.js';
import { Refusals } from './http/refusals.js';
import { Routes } from './http/routes.js';
import { RevocationsController } from './http/revocations.controller.js';
import { SessionsController } from './http/sessions.controller.js';
import { createLogger, LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import { FindActiveSessionHandler } from './queries/find-active-session.js';
import { IntrospectSessionHandler } from './queries/introspect-session.js';
import { ListActiveSessionsHandler } from './queries/list-active-sessions.js';
import { ListPastSessionsHandler } from './queries/list-past-sessions.js';
import { ExportTrail } from './queries/export-trail.js';
import { SearchAuditHandler } from './queries/search-audit.js';
import { SessionLifeHandler } from './queries/session-life.js';
import { ListApiKeysHandler } from './queries/list-api-keys.js';
import { BusConnection } from './relay/bus-connection.js';
import { RelayService } from './relay/relay.service.js';
import { EffectTimes } from './effect/effect-times.js';
import { Effects } from './effect/effects.js';
import { Receipts } from './effect/receipts.js';
import { PersonalDataRetention } from './retention/personal-data-retention.js';
import { FollowRevocations } from './revocations/follow-revocations.js';
import { RevocationNews } from './revocations/revocation-news.js';
import { RevocationPages } from './revocations/revocation-pages.js';
import { QuestionLimit } from './rpc/question-limit.js';
import { SessionsRpc } from './rpc/sessions.rpc.js';
import { RevocationDoors } from './rpc/revocation-doors.js';

const KEPT_FOLDS = 20_000;

const log = [
  {
    provide: Pool,
    inject: [CONFIG],
    useFactory: async (config: Config) => {
      const pool = createPool(config.DATABASE_URL, {
        max: config.DATABASE_POOL,
        application_name: 'signoff-api',
        ...KEPT_CONNECTIONS,
        // A connection that nobody ends, and that answers nothing, must not hold whoever waits for it.
        statement_timeout: 8_000,
        query_timeout: 10_000,
      });
      await refuseUnsafeDatabase(pool);
      return pool;
    },
  },
  {
    provide: MasterKey,
    inject: [CONFIG, Pool],
    useFactory: async (config: Config, pool: Pool) => {
      const masterKey = masterKeyFrom(config);
      await refuseMissingMasterKey(pool, masterKey);
      return masterKey;
    },
  },
  {
    provide: Vault,
    inject: [Pool, MasterKey],
    useFactory: async (pool: Pool, masterKey: MasterKey) =>
      new Vault(pool, masterKey, (await readHead(pool)).logId),
  },
  {
    provide: LogWriter,
    inject: [CONFIG, RelayService, Metrics],
    useFactory: (config: Config, relay: RelayService, metrics: Metrics) =>
      new LogWriter(config.DATABASE_URL, {
        committed: (group, seconds) => {
          relay.committed(group);
          metrics.committed(group.outcomes.length, seconds);
        },
      }),
  },
  // One for all folds: what a request asks of its key and its account goes with what others ask.
  { provide: StreamLooks, inject: [Pool], useFactory: (pool: Pool) => new StreamLooks(pool) },
  {
    provide: AccountFolds,
    inject: [Pool, StreamLooks],
    useFactory: (pool: Pool, looks: StreamLooks) => new AccountFolds(pool, KEPT_FOLDS, looks),
  },
  {
    provide: ApiKeyFolds,
    inject: [Pool, StreamLooks],
    useFactory: (pool: Pool, looks: StreamLooks) => new ApiKeyFolds(pool, KEPT_FOLDS, looks),
  },
];

const access = [
  {
    provide: SigningKeys,
    inject: [Pool, MasterKey, LOGGER],
    useFactory: async (pool: Pool, masterKey: MasterKey, logger: Logger) => {
      const keys = new SigningKeys(pool, masterKey, {
        changed: (states) => logger.info({ states: Object.fromEntries(states) }, 'signing-keys.changed'),
      });
      await keys.start();
      return keys;
    },
  },
  {
    provide: SessionCredentials,
    inject: [SigningKeys, CONFIG],
    useFactory: (keys: SigningKeys, config: Config) =>
      new SessionCredentials(keys, config.ISSUER, config.AUDIENCE),
  },
  {
    provide: ApiKeys,
    inject: [ApiKeyFolds, Vault, CONFIG],
    useFactory: (folds: ApiKeyFolds, vault: Vault, config: Config) =>
      new ApiKeys(folds, vault, config.BOOTSTRAP_SERVICE_KEY),
  },
  {
    provide: Authenticator,
    inject: [SessionCredentials, ApiKeys, AccountFolds, IdleSessions],
    useFactory: (
      credentials: SessionCredentials,
      keys: ApiKeys,
      accounts: AccountFolds,
      idle: IdleSessions,
    ) => new Authenticator(credentials, keys, accounts, idle),
  },
  AccessGuard,
];

const commands = [
  {
    provide: Decisions,
    inject: [Pool, LogWriter, Vault],
    useFactory: (pool: Pool, writer: LogWriter, vault: Vault) => new Decisions(pool, writer, vault),
  },
  IssueSessionHandler,
  ExtendSessionHandler,
  RecordActivityHandler,
  RevokeSessionHandler,
  RevokeSessionsHandler,
  CreateApiKeyHandler,
  RevokeApiKeyHandler,
  ErasePersonalDataHandler,
  RecordAuditReadHandler,
  PersonalDataRetention,
];

const activity = [ActivityRecorder, IdleSessions];

const queries = [
  ListActiveSessionsHandler,
  ListPastSessionsHandler,
  SearchAuditHandler,
  SessionLifeHandler,
  ExportTrail,
  FindActiveSessionHandler,
  IntrospectSessionHandler,
  ListApiKeysHandler,
];

const relay = [
  {
    provide: BusConnection,
    inject: [CONFIG],
    useFactory: (config: Config) => new BusConnection(config.NATS_URL, 'signoff-api'),
  },
  RelayService,
  RevocationDoors,
  QuestionLimit,
];

const effect = [Receipts, Effects, EffectTimes, EffectAnswers];

const revocations = [RevocationPages, RevocationNews, FollowRevocations];

@Module({})
export class AppModule implements OnApplicationShutdown {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [CqrsModule.forRoot()],
      controllers: [
        AccountSessionsController,
        OperatorSessionsController,
        SessionsController,
        RevocationsController,
        SessionsRpc,
        IntrospectionController,
        ApiKeysController,
        PersonalDataController,
        AccountActivityController,
        AuditController,
        CheckpointsController,
        CheckpointKeyController,
        JwksController,
        HealthController,
        MetricsController,
      ],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: createLogger(config.LOG_LEVEL) },
        ...log,
        ...access,
        ...commands,
        ...queries,
        ...activity,
        ...relay,
        ...effect,
        ...revocations,
        Checkpoints,
        Metrics,
        Routes,
        Refusals,
        ProblemFilter,
      ],
    };
  }

  constructor(
    @Inject(LogWriter) private readonly writer: LogWriter,
    @Inject(Pool) private readonly pool: Pool,
    @Inject(BusConnection) private readonly bus: BusConnection,
    @Inject(RelayService) private readonly relay: RelayService,
  ) {}

  /** After the last request was answered: what it wrote is committed, and what was committed gets its chance to leave. */
  async onApplicationShutdown(): Promise<void> {
    await this.writer.close();
    await this.relay.close();
    await this.bus.close();
    await this.pool.end();
    await stopTracing();
  }
}
