import type { Instant } from '#domain/instant.js';
import { ACCOUNT_SCOPES } from '#domain/api-key/scopes.js';
import { liveSession } from '#domain/account-sessions/decider.js';
import { AccountFolds, type AccountState, accountStreamId } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { LookMoment } from '#event-log/stream-look.js';
import type { IdleSessions } from '../activity/idle-sessions.js';
import { AccessError, notValid } from './access-error.js';
import type { ApiKeys } from './api-keys.js';
import type { Principal } from './principal.js';
import type { SessionClaims, SessionCredentials } from './session-credentials.js';

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** Says who is asking. Nothing that it remembers is trusted: whether a session or key lives is looked up each time. */
export class Authenticator {
  constructor(
    private readonly credentials: SessionCredentials,
    private readonly apiKeys: ApiKeys,
    private readonly accounts: AccountFolds,
    private readonly idle: IdleSessions,
  ) {}

  /** `authorization`: the header, RFC 6750. `provesItself`: what is asked for is done only if it turns out that the session lives. */
  async authenticate(authorization: string | undefined, provesItself = false): Promise<Principal> {
    if (authorization === undefined)
      throw new AccessError('CREDENTIAL_MISSING', 'a bearer credential is required');
    const text = BEARER.exec(authorization)?.[1];
    if (text === undefined) throw notValid();
    return await (text.startsWith('eyJ')
      ? this.bySession(text, provesItself)
      : this.apiKeys.authenticate(text));
  }

  /** What a credential says, if it stands for a session that is alive, or was at that look. Not waited for where all of that is known. */
  liveClaims(text: string, since?: LookMoment): SessionClaims | null | Promise<SessionClaims | null> {
    const verified = this.credentials.verify(text);
    const claims = verified instanceof Promise ? null : verified;
    const fold =
      claims && since && !this.idle.applies() && this.accounts.known(accountStreamId(claims.sub), since);
    if (!fold) return this.lookUpLive(verified, since);
    return isAlive(claims, fold) ? claims : null;
  }

  private async lookUpLive(
    verified: SessionClaims | null | Promise<SessionClaims | null>,
    since?: LookMoment,
  ): Promise<SessionClaims | null> {
    const claims = await verified;
    return claims && (await this.foundAlive(claims, since)) ? claims : null;
  }

  private async foundAlive(claims: SessionClaims, since?: LookMoment): Promise<LookMoment | null> {
    const fold = await this.accounts.current(accountStreamId(claims.sub), since);
    if (!isAlive(claims, fold)) return null;
    return (await this.idle.endIfIdle(claims.sub, fold, claims.sid)) ? null : fold;
  }

  private async bySession(text: string, provesItself: boolean): Promise<Principal> {
    const claims = await this.credentials.verify(text);
    if (!claims) throw notValid();
    const { sub, sid } = claims;
    const prove = async () => {
      const foundAt = await this.foundAlive(claims);
      if (!foundAt) throw notValid(sid);
      return foundAt;
    };
    const recent = provesItself && !this.idle.applies() && this.accounts.recent(accountStreamId(sub));
    const isPresumed = recent && isAlive(claims, recent);
    return {
      kind: 'session',
      accountId: sub,
      sessionId: sid,
      scopes: ACCOUNT_SCOPES,
      foundAt: isPresumed ? undefined : await prove(),
      prove: isPresumed ? prove : undefined,
    };
  }
}

const isAlive = (claims: SessionClaims, { state, now }: CurrentFold<AccountState>) =>
  liveSession(state.sessions, claims.sid, now) !== undefined && !hasExpired(claims, now);

const hasExpired = ({ exp }: SessionClaims, now: Instant) => exp * 1000 <= Date.parse(now);
