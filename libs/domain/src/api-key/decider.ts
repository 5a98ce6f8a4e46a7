import type { Decider } from '../decider.js';
import { DomainError } from '../domain-error.js';
import type { Instant } from '../instant.js';
import type { ApiKeyCreated, ApiKeyEvent } from './events.js';
import type { Scope } from './scopes.js';

/** `null` before the key is created and after it is revoked: neither opens anything. */
export type ApiKey = ApiKeyCreated['data'] | null;

export interface CreateApiKey {
  readonly type: 'CreateApiKey';
  readonly key: Omit<ApiKeyCreated['data'], 'createdAt'>;
  readonly now: Instant;
  /** What the key that makes this one may do itself. */
  readonly makersScopes: readonly Scope[];
}

export interface RevokeApiKey {
  readonly type: 'RevokeApiKey';
}

export const apiKey: Decider<ApiKey, CreateApiKey | RevokeApiKey, ApiKeyEvent> = {
  initialState: null,
  evolve: (_state, event) => (event.type === 'ApiKeyCreated' ? event.data : null),
  decide(command, state) {
    if (command.type === 'RevokeApiKey') {
      if (!state) throw new DomainError('API_KEY_NOT_FOUND', 'no such API key');
      return [{ type: 'ApiKeyRevoked', data: { keyId: state.keyId } }];
    }
    const wider = command.key.scopes.filter((scope) => !command.makersScopes.includes(scope));
    if (wider.length > 0) {
      throw new DomainError('SCOPE_NOT_GRANTED', `the key that asks lacks ${wider.join(', ')}`, 'scopes');
    }
    const { expiresAt } = command.key;
    if (expiresAt !== null && expiresAt <= command.now) {
      throw new DomainError('API_KEY_LIFETIME_INVALID', `must lie after ${command.now}`, 'expiresAt');
    }
    return [{ type: 'ApiKeyCreated', data: { ...command.key, createdAt: command.now } }];
  },
};

export function keyIsValid(key: ApiKey, now: Instant): key is ApiKeyCreated['data'] {
  return key !== null && (key.expiresAt === null || key.expiresAt > now);
}
