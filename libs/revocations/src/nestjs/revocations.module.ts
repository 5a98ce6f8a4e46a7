import {
  type BeforeApplicationShutdown,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { connect } from '../connect.js';
import { LiveConnections } from '../live.js';
import type { Revocations } from '../revocations.js';
import { ConfigurableModuleClass, OPTIONS, REVOCATIONS, type RevocationsModuleOptions } from './options.js';
import { SessionGuard } from './session.guard.js';
import { SocketSessions } from './socket-sessions.js';

/**
 * Follows the revocations of a Signoff as long as the application runs, and gives `REVOCATIONS`, `SessionGuard`,
 * `SocketSessions` and `LiveConnections` to every module (`isGlobal: false`: to those that import it).
 */
@Module({
  providers: [
    { provide: REVOCATIONS, inject: [OPTIONS], useFactory: connect },
    {
      provide: LiveConnections,
      inject: [REVOCATIONS],
      useFactory: (revocations: Revocations) => new LiveConnections(revocations),
    },
    SocketSessions,
    SessionGuard,
  ],
  exports: [REVOCATIONS, OPTIONS, LiveConnections, SocketSessions, SessionGuard],
})
export class RevocationsModule
  extends ConfigurableModuleClass
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    @Inject(REVOCATIONS) private readonly revocations: Revocations,
    @Inject(OPTIONS) private readonly options: RevocationsModuleOptions,
    @Inject(LiveConnections) private readonly live: LiveConnections,
  ) {
    super();
  }

  async onModuleInit(): Promise<void> {
    if (this.options.waitUntilReady ?? true) await this.revocations.ready();
  }

  /** While they stand open a server would not end. */
  beforeApplicationShutdown(): void {
    this.live.close();
  }

  /** After the last request was answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.revocations.close();
  }
}
