import type { Instant } from '../instant.js';
import type { Scope } from './scopes.js';

export type ApiKeyKind = 'account' | 'service';

export interface ApiKeyCreated {
  readonly type: 'ApiKeyCreated';
  readonly data: {
    readonly keyId: string;
    readonly kind: ApiKeyKind;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly accountId: string | null;
    readonly createdAt: Instant;
    readonly expiresAt: Instant | null;
  };
}

export interface ApiKeyRevoked {
  readonly type: 'ApiKeyRevoked';
  readonly data: { readonly keyId: string };
}

export type ApiKeyEvent = ApiKeyCreated | ApiKeyRevoked;
