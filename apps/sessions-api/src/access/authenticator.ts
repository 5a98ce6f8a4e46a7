import type { Instant } from '#domain/instant.js';
import { ACCOUNT_SCOPES } from '#domain/api-key/scopes.js';
import { liveSession } from '#domain/account-sessions/decider.js';
import { AccountFolds, type AccountState, accountStreamId } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { LookMoment } from '#event-log/stream-look.js';
import type { IdleSessions } from '../activity/idle-sessions.js';
import { AccessError } from './access-error.js';
import { type ApiKeys, keyNamedIn } from './api-keys.js';
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
    if (text === undefined) throw refused();
    return text.startsWith('eyJ') ? this.bySession(text, provesItself) : this.byKey(text);
  }

  /** What a credential says, if it stands for a session that is alive, or was at that look. */
  async liveClaims(text: string, since?: LookMoment): Promise<SessionClaims | null> {
    const claims = await this.credentials.verify(text);
    return claims && (await this.foundAlive(claims, since)) ? claims : null;
  }

  private async foundAlive(claims: SessionClaims, since?: LookMoment): Promise<LookMoment | null> {
    const fold = await this.accounts.current(accountStreamId(claims.sub), since);
    if (!isAlive(claims, fold)) return null;
    return (await this.idle.endIfIdle(claims.sub, fold, claims.sid)) ? null : fold;
  }

  private async bySession(text: string, provesItself: boolean): Promise<Principal> {
    const claims = await this.credentials.verify(text);
    if (!claims) throw refused();
    const { sub, sid } = claims;
    const prove = async () => {
      const foundAt = await this.foundAlive(claims);
      if (!foundAt) throw refused(sid);
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

  private async byKey(text: string): Promise<Principal> {
    const principal = await this.apiKeys.authenticate(text);
    if (!principal) throw refused(keyNamedIn(text));
    return principal;
  }
}

const refused = (credential?: string) =>
  new AccessError('CREDENTIAL_INVALID', 'the credential is not, or no longer, valid', undefined, credential);

const isAlive = (claims: SessionClaims, { state, now }: CurrentFold<AccountState>) =>
  liveSession(state.sessions, claims.sid, now) !== undefined && !hasExpired(claims, now);

const hasExpired = ({ exp }: SessionClaims, now: Instant) => exp * 1000 <= Date.parse(now);
