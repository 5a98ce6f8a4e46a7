import type { Scope } from '#domain/api-key/scopes.js';
import type { LookMoment } from '#event-log/stream-look.js';

/** Who is asking, by which credential. Account principals speak for their account alone. */
export type Principal = (
  | { readonly kind: 'session'; readonly accountId: string; readonly sessionId: string }
  | { readonly kind: 'account-key'; readonly accountId: string; readonly keyId: string }
  | { readonly kind: 'service-key'; readonly keyId: string }
) & {
  readonly scopes: readonly Scope[];
  /** When the credential was found good, if it was looked up: what is known since then is new enough for who asks by it. */
  readonly foundAt?: LookMoment;
  /** Of a credential that was good a moment ago, and has not been looked up since it came: throws where it is not any more. */
  readonly prove?: () => Promise<LookMoment>;
};

export type AccountPrincipal = Exclude<Principal, { kind: 'service-key' }>;

/** The public name of the credential: it tells who asked, and opens nothing. */
export const credentialId = (principal: Principal): string =>
  principal.kind === 'session' ? principal.sessionId : principal.keyId;

/** The session whose credential was used, if one was. */
export const sessionIdOf = (principal: Principal): string | undefined =>
  principal.kind === 'session' ? principal.sessionId : undefined;
