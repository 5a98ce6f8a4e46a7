import { invalid, OPERATOR, OWN, type Row } from './row.js';

const numbers = [
  '0',
  '-1',
  '1.5',
  'abc',
  '',
  '1%20',
  '%201',
  '+1',
  '1e3',
  '0x1',
  '2147483648',
  '9'.repeat(30),
  '%EF%BC%91',
  '%ff',
];

const query = (path: string, name: string, values: readonly string[]): Row[] =>
  values.map((value) => [
    `${name}=${value}`,
    path === OWN ? 'session' : 'service',
    'GET',
    `${path}?${name}=${value}`,
    {},
    invalid(name),
  ]);

export const QUERIES: Row[] = [
  ...query(OWN, 'page', [...numbers, '1&page=2']),
  ...query(OWN, 'limit', [...numbers, '101', '1&limit=1']),
  ...query(OPERATOR, 'page', ['0', '1&page=1']),
  ...query('/api/keys', 'limit', ['101']),
  ['two at once', 'session', 'GET', `${OWN}?page=x&limit=y`, {}, invalid('page', 'limit')],
  ...['', 'TRUE', '1', 'yes', 'true%20', 'true&includeCurrent=true'].map((value): Row => [
    `includeCurrent=${value}`,
    'session',
    'DELETE',
    `${OWN}?includeCurrent=${value}`,
    {},
    invalid('includeCurrent'),
  ]),
];
