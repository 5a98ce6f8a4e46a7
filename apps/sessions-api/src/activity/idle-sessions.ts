import { liveSession, liveSessions, type Session } from '#domain/account-sessions/decider.js';
import { DomainError } from '#domain/domain-error.js';
import { plusSeconds, type Instant } from '#domain/instant.js';
import { AccountFolds, accountStreamId, type AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Caller } from '../access/caller.js';
import { RevokeSession, RevokeSessionHandler } from '../commands/revoke-session.js';
import { CONFIG, type Config } from '../config.js';
import { BusConnection } from '../relay/bus-connection.js';
import { ActivityRecorder } from './activity-recorder.js';

/** Longer than it takes until every session in use has been told of again. */
const GRACE_AFTER_RECONNECT_MS = 90_000;

/**
 * The policy `SESSION_IDLE_MINUTES`: a session that nobody used for that long is ended when it is met. While the bus is
 * away use cannot be told, so that then nobody is ended for the lack of it.
 */
@Injectable()
export class IdleSessions {
  constructor(
    private readonly accounts: AccountFolds,
    private readonly activity: ActivityRecorder,
    private readonly bus: BusConnection,
    private readonly revoke: RevokeSessionHandler,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Whether this session was idle; if so, it has been ended. */
  async endIfIdle(
    accountId: string,
    { state, now }: CurrentFold<AccountState>,
    sessionId: string,
  ): Promise<boolean> {
    const session = this.applies() && liveSession(state.sessions, sessionId, now);
    return session ? (await this.end(accountId, [session], now)) > 0 : false;
  }

  /** Ends what is idle of an account, before its sessions are listed. */
  async endAll(accountId: string): Promise<void> {
    if (!this.applies()) return;
    const { state, now } = await this.accounts.current(accountStreamId(accountId));
    await this.end(accountId, liveSessions(state.sessions, now), now);
  }

  private applies(): boolean {
    return this.config.SESSION_IDLE_MINUTES > 0 && this.bus.connectedForMs() > GRACE_AFTER_RECONNECT_MS;
  }

  private async end(accountId: string, sessions: readonly Session[], now: Instant): Promise<number> {
    const usedSince = plusSeconds(now, -60 * this.config.SESSION_IDLE_MINUTES);
    const candidates = sessions.filter(({ issuedAt }) => issuedAt < usedSince);
    if (candidates.length === 0) return 0;
    const seen = await this.activity.lastSeen(candidates.map(({ sessionId }) => sessionId));
    const idle = candidates.filter(({ sessionId }) => (seen.get(sessionId) ?? '') < usedSince);
    await Promise.all(idle.map(({ sessionId }) => this.endOne(accountId, sessionId)));
    return idle.length;
  }

  private async endOne(accountId: string, sessionId: string): Promise<void> {
    try {
      await this.revoke.execute(new RevokeSession(policy(), accountId, sessionId, 'idle'));
    } catch (error) {
      const endedMeanwhile = error instanceof DomainError && error.code === 'SESSION_NOT_FOUND';
      if (!endedMeanwhile) throw error;
    }
  }
}

const policy = (): Caller => ({
  principal: { kind: 'service-key', keyId: 'policy', scopes: [] },
  requestId: randomUUID(),
});
