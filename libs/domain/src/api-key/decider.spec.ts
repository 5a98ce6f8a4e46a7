import { describe, expect, it } from '@jest/globals';
import { scenario } from '../../../../test/harness/scenario.js';
import { apiKey, keyIsValid, type CreateApiKey } from './decider.js';
import type { ApiKeyCreated, ApiKeyRevoked } from './events.js';
import { SERVICE_SCOPES } from './scopes.js';

const given = scenario(apiKey);
const now = '2026-11-24T10:00:00.000Z';
const key = {
  keyId: 'key_1',
  kind: 'service',
  name: 'billing',
  scopes: ['sessions:read', 'sessions:revoke'],
  accountId: null,
  expiresAt: null,
} as const;
const create: CreateApiKey = { type: 'CreateApiKey', key, now, makersScopes: SERVICE_SCOPES };
const created: ApiKeyCreated = { type: 'ApiKeyCreated', data: { ...key, createdAt: now } };
const revoked: ApiKeyRevoked = { type: 'ApiKeyRevoked', data: { keyId: 'key_1' } };

describe('creating an API key', () => {
  it('records what it may do', () => {
    given().when(create).expect(created);
  });

  it('may be as wide as the key that makes it', () => {
    given()
      .when({ ...create, makersScopes: key.scopes })
      .expect(created);
  });

  it('is refused when it would be wider than the key that makes it', () => {
    given()
      .when({ ...create, makersScopes: ['keys:write', 'sessions:read'] })
      .expectRefusal('SCOPE_NOT_GRANTED', 'scopes');
  });

  it.each(['2026-11-24T10:00:00.000Z', '2020-01-01T00:00:00.000Z'])(
    'is refused when it would have expired already (%s)',
    (expiresAt) => {
      given()
        .when({ ...create, key: { ...key, expiresAt } })
        .expectRefusal('API_KEY_LIFETIME_INVALID', 'expiresAt');
    },
  );
});

describe('revoking an API key', () => {
  it('records ApiKeyRevoked', () => {
    given(created).when({ type: 'RevokeApiKey' }).expect(revoked);
  });

  it('is refused when there is no such key', () => {
    given().when({ type: 'RevokeApiKey' }).expectRefusal('API_KEY_NOT_FOUND');
  });

  it('is refused when it was revoked before', () => {
    given(created, revoked).when({ type: 'RevokeApiKey' }).expectRefusal('API_KEY_NOT_FOUND');
  });
});

describe('an API key', () => {
  it('is valid until it expires, and for ever without an expiry', () => {
    expect(keyIsValid(created.data, '2099-01-01T00:00:00.000Z')).toBe(true);
    const short = { ...created.data, expiresAt: '2026-11-24T11:00:00.000Z' };
    expect(keyIsValid(short, '2026-11-24T10:59:59.999Z')).toBe(true);
    expect(keyIsValid(short, '2026-11-24T11:00:00.000Z')).toBe(false);
  });

  it('is not valid before it is created or after it is revoked', () => {
    expect(keyIsValid(apiKey.initialState, now)).toBe(false);
    expect(keyIsValid(apiKey.evolve(created.data, revoked), now)).toBe(false);
  });
});
