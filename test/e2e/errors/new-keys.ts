import type { Problem } from '../harness/problem.js';
import { ASTRAL, invalid, problem, type Row } from './row.js';

const KEY = { kind: 'account', accountId: 'ada', name: 'a key' };

export const NEW_KEYS: Row[] = [
  ['no kind', { name: 'n' }, invalid('kind')],
  ['another kind', { ...KEY, kind: 'root' }, invalid('kind')],
  ['no name', { ...KEY, name: undefined }, invalid('name')],
  ['an empty name', { ...KEY, name: '' }, invalid('name')],
  ['a name of 129', { ...KEY, name: ASTRAL.repeat(129) }, invalid('name')],
  ['an account key without an account', { ...KEY, accountId: undefined }, invalid('accountId')],
  [
    'an account key with a service scope',
    { ...KEY, scopes: ['sessions:read', 'keys:write'] },
    invalid('scopes.1'),
  ],
  ['a service key without scopes', { kind: 'service', name: 'n' }, invalid('scopes')],
  ['a service key with no scope', { kind: 'service', name: 'n', scopes: [] }, invalid('scopes')],
  [
    'a service key of an account',
    { kind: 'service', name: 'n', scopes: ['sessions:read'], accountId: 'a' },
    invalid('accountId'),
  ],
  ['an expiry in the year 0', { ...KEY, expiresAt: '0000-01-01T00:00:00Z' }, invalid('expiresAt')],
  ['an expiry in the year 10000', { ...KEY, expiresAt: '9999-12-31T23:59:59-01:00' }, invalid('expiresAt')],
  [
    'an expiry in the past',
    { ...KEY, expiresAt: '2020-01-01T00:00:00Z' },
    problem(400, 'API_KEY_LIFETIME_INVALID', { fields: ['expiresAt'] }),
  ],
  ['an unknown field', { ...KEY, admin: true }, invalid('admin')],
].map(([what, sent, expected]) => [
  `a key with ${what as string}`,
  'service',
  'POST',
  '/api/keys',
  { body: sent },
  expected as Problem,
]);
