import type { Problem } from '../harness/problem.js';
import { ASTRAL, invalid, lifetimeInvalid, MALFORMED, type Row } from './row.js';

const LONE_SURROGATE = '\ud800';

const ADA = { accountId: 'ada' };

const body = (what: string, value: unknown, expected: Problem): Row => [
  what,
  'service',
  'POST',
  '/api/sessions',
  { body: value },
  expected,
];

const accounts: [string, unknown][] = [
  ['missing', undefined],
  ['a number', 5],
  ['null', null],
  ['empty', ''],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a line break', 'a\nb'],
  ['U+0000', 'a\0'],
  ['a C1 control character', 'a\u0085'],
  ['a lone surrogate', LONE_SURROGATE],
  ['129 code points', 'x'.repeat(129)],
  ['129 astral code points', ASTRAL.repeat(129)],
];

export const NEW_SESSIONS: Row[] = [
  body('no body', undefined, invalid('body')),
  body('null', 'null', invalid('body')),
  body('an array', '[]', invalid('body')),
  body('a string', '"ada"', invalid('body')),
  body('half an object', '{"accountId":', MALFORMED),
  body('a prototype', '{"accountId":"ada","__proto__":{}}', MALFORMED),
  body('two unknown fields', { ...ADA, colour: 1, size: 2 }, invalid('colour', 'size')),
  ...accounts.map(([what, accountId]) =>
    body(`an account that is ${what}`, { accountId }, invalid('accountId')),
  ),
  ...[59, 7_776_001, 60.5, '60', null].map((value) =>
    body(
      `expiresInSeconds ${JSON.stringify(value)}`,
      { ...ADA, expiresInSeconds: value },
      invalid('expiresInSeconds'),
    ),
  ),
  ...[
    'tomorrow',
    '2026-12-24',
    '2026-12-24T00:00:00',
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
    1,
  ].map((value) => body(`expiresAt ${value}`, { ...ADA, expiresAt: value }, invalid('expiresAt'))),
  body(
    'an expiresAt of the past',
    { ...ADA, expiresAt: '2020-01-01T00:00:00Z' },
    lifetimeInvalid('expiresAt'),
  ),
  body(
    'an expiresAt too far ahead',
    { ...ADA, expiresAt: '2999-01-01T00:00:00Z' },
    lifetimeInvalid('expiresAt'),
  ),
  body(
    'both forms of expiry',
    { ...ADA, expiresInSeconds: 60, expiresAt: '2999-01-01T00:00:00Z' },
    invalid('expiresAt'),
  ),
  ...[
    '',
    'localhost',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3',
    '192.0.2.1/24',
    '192.0.2.1:80',
    '[::1]',
    'fe80::1%eth0',
    ':::',
    ' ::1',
    7,
  ].map((value) => body(`ipAddress ${value}`, { ...ADA, ipAddress: value }, invalid('ipAddress'))),
  body('a userAgent of 2049', { ...ADA, userAgent: 'x'.repeat(2049) }, invalid('userAgent')),
  body('a userAgent of 2049 astral', { ...ADA, userAgent: ASTRAL.repeat(2049) }, invalid('userAgent')),
  body('a userAgent with U+0000', { ...ADA, userAgent: 'a\0' }, invalid('userAgent')),
  body('a userAgent with half a pair', { ...ADA, userAgent: LONE_SURROGATE }, invalid('userAgent')),
  body('a fingerprint of 257', { ...ADA, fingerprint: 'x'.repeat(257) }, invalid('fingerprint')),
  body('a fingerprint that is a number', { ...ADA, fingerprint: 1 }, invalid('fingerprint')),
  body(
    'everything wrong at once',
    { accountId: '', ipAddress: 'x', fingerprint: 1 },
    invalid('accountId', 'ipAddress', 'fingerprint'),
  ),
];
