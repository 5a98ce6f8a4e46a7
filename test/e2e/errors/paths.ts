import { ASTRAL, invalid, OPERATOR, OWN, problem, type Row } from './row.js';

const account = (what: string, path: string): Row => [
  `an account in the path that is ${what}`,
  'service',
  'GET',
  `/api/accounts/${path}/sessions`,
  {},
  invalid('accountId'),
];

const not = (method: string, path: string, allow: string): Row => [
  `${method} ${path}`,
  'nobody',
  method,
  path,
  {},
  problem(405, 'METHOD_NOT_ALLOWED', { allow }),
];

export const PATHS: Row[] = [
  account('a dot', '%2e'),
  account('two dots', '%2E%2E'),
  account('a line break', '%0A'),
  account('129 astral code points', encodeURIComponent(ASTRAL.repeat(129))),
  [
    'a half percent-encoding',
    'service',
    'GET',
    '/api/accounts/%/sessions',
    {},
    problem(400, 'URL_MALFORMED'),
  ],
  [
    'percent-encoding that is not UTF-8',
    'service',
    'GET',
    '/api/accounts/%ff/sessions',
    {},
    problem(400, 'URL_MALFORMED'),
  ],
  ['a path too long', 'session', 'DELETE', `${OWN}/${'x'.repeat(2_000)}`, {}, problem(414, 'URL_TOO_LONG')],
  ...['/', '/nope', '/api', '/api/accounts//sessions', `${OWN}//`, '/API/account/sessions'].map(
    (path): Row => [`nothing at ${path}`, 'session', 'DELETE', path, {}, problem(404, 'ROUTE_NOT_FOUND')],
  ),
  not('PUT', OWN, 'GET, HEAD, DELETE'),
  not('POST', OWN, 'GET, HEAD, DELETE'),
  not('OPTIONS', OWN, 'GET, HEAD, DELETE'),
  not('PUT', `${OWN}/x`, 'GET, HEAD, DELETE'),
  not('POST', OPERATOR, 'GET, HEAD, DELETE'),
  not('GET', '/api/sessions', 'POST'),
  not('GET', '/api/introspect', 'POST'),
  not('DELETE', '/api/keys', 'GET, HEAD, POST'),
  not('GET', '/api/keys/x', 'DELETE'),
  not('POST', '/health/live', 'GET, HEAD'),
  not('DELETE', '/openapi.json', 'GET, HEAD'),
  not('GET', '/api/sessions/x', 'PATCH'),
];
