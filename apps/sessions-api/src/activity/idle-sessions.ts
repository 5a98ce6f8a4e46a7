import { liveSession, liveSessions, type Session } from '#domain/account-sessions/decider.js';
import { DomainError } from '#domain/domain-error.js';
import { plusSeconds, type Instant } from '#domain/instant.js';
import { AccountFolds, accountStreamId, type AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import { Inject, Injectable } from '@nestjs/common';
import { policy } from '../access/caller.js';
import { RevokeSession, RevokeSessionHandler } from '../commands/revoke-session.js';
import { CONFIG, type Config } from '../config.js';
import { ActivityRecorder, TOLD_ONCE_A_SECONDS } from './activity-recorder.js';

/**
 * The policy `SESSION_IDLE_MINUTES`: a session that nobody used for that long is ended when it is met. Only if every use
 * of all that time was heard of: after any gap nobody is ended until that time has passed again.
 */
@Injectable()
export class IdleSessions {
  constructor(
    private readonly accounts: AccountFolds,
    private readonly activity: ActivityRecorder,
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

  /** Ends what is idle of an account, before its sessions are listed. Returns how many that were. */
  async endAll(accountId: string): Promise<number> {
    if (!this.applies()) return 0;
    const { state, now } = await this.accounts.current(accountStreamId(accountId));
    return this.end(accountId, liveSessions(state.sessions, now), now);
  }

  applies(): boolean {
    return this.config.SESSION_IDLE_MINUTES > 0;
  }

  private async end(accountId: string, sessions: readonly Session[], now: Instant): Promise<number> {
    const usedSince = this.idleLimit(now);
    const candidates = sessions.filter(({ issuedAt }) => issuedAt < usedSince);
    if (candidates.length === 0) return 0;
    const heard = await this.activity.heard(candidates.map(({ sessionId }) => sessionId));
    if (!heard) return 0;
    const { since, at, lastSeen } = heard;
    const heardSince = this.idleLimit(at);
    if (since > heardSince) return 0;
    const idle = candidates.filter(
      ({ sessionId, issuedAt }) => (lastSeen.get(sessionId) ?? issuedAt) < heardSince,
    );
    await Promise.all(idle.map(({ sessionId }) => this.endOne(accountId, sessionId)));
    return idle.length;
  }

  /** Who was not seen from then on has been idle for too long at a time. Within a minute, use is told but once. */
  private idleLimit(at: Instant): Instant {
    return plusSeconds(at, -60 * this.config.SESSION_IDLE_MINUTES - TOLD_ONCE_A_SECONDS);
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
