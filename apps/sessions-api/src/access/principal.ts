import type { AccountState } from '#event-log/account-stream.js';
import type { CurrentFold } from '#event-log/folds.js';
import type { Scope } from '#domain/api-key/scopes.js';

/** Who is asking, by which credential. Account principals speak for their account alone. */
export type Principal =
  | {
      readonly kind: 'session';
      readonly accountId: string;
      readonly sessionId: string;
      readonly scopes: readonly Scope[];
      /** Its account, as it was when the session was found alive in it. */
      readonly account: CurrentFold<AccountState>;
    }
  | {
      readonly kind: 'account-key';
      readonly accountId: string;
      readonly keyId: string;
      readonly scopes: readonly Scope[];
    }
  | { readonly kind: 'service-key'; readonly keyId: string; readonly scopes: readonly Scope[] };

export type AccountPrincipal = Exclude<Principal, { kind: 'service-key' }>;

/** The public name of the credential: it tells who asked, and opens nothing. */
export const credentialId = (principal: Principal): string =>
  principal.kind === 'session' ? principal.sessionId : principal.keyId;

/** The account that asks, as far as its credential was looked up in it. */
export const accountAsked = (
  principal: Principal,
  accountId: string,
): CurrentFold<AccountState> | undefined =>
  principal.kind === 'session' && principal.accountId === accountId ? principal.account : undefined;

/** The session whose credential was used, if one was. */
export const sessionIdOf = (principal: Principal): string | undefined =>
  principal.kind === 'session' ? principal.sessionId : undefined;
