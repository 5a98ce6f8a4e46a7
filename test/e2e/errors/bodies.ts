import type { Sent } from '../harness/call.js';
import { invalid, lifetimeInvalid, MALFORMED, OPERATOR, problem, type Row } from './row.js';

const form = (body: string): Sent => ({
  body,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
});

const text = (body: string, type = 'application/json'): Sent => ({ body, headers: { 'content-type': type } });

export const BODIES: Row[] = [
  [
    'a body that is not UTF-8',
    'service',
    'POST',
    '/api/sessions',
    { body: Buffer.from('{"accountId":"\xff"}', 'latin1') },
    MALFORMED,
  ],
  [
    'a body too large',
    'service',
    'POST',
    '/api/sessions',
    { body: { accountId: 'x'.repeat(70_000) } },
    problem(413, 'BODY_TOO_LARGE'),
  ],
  [
    'plain text',
    'service',
    'POST',
    '/api/sessions',
    text('ada', 'text/plain'),
    problem(415, 'MEDIA_TYPE_UNSUPPORTED'),
  ],
  [
    'XML',
    'service',
    'POST',
    '/api/sessions',
    text('<a/>', 'application/xml'),
    problem(415, 'MEDIA_TYPE_UNSUPPORTED'),
  ],
  [
    'a form',
    'service',
    'POST',
    '/api/sessions',
    form('accountId=ada'),
    problem(415, 'MEDIA_TYPE_UNSUPPORTED'),
  ],
  [
    'introspection in JSON',
    'service',
    'POST',
    '/api/introspect',
    { body: { token: 'x' } },
    problem(415, 'MEDIA_TYPE_UNSUPPORTED'),
  ],
  ['introspection of nothing', 'service', 'POST', '/api/introspect', form(''), invalid('token')],
  ['introspection of empty text', 'service', 'POST', '/api/introspect', form('token='), invalid('token')],
  ['introspection of two', 'service', 'POST', '/api/introspect', form('token=a&token=b'), invalid('token')],
  ['a note of 501', 'service', 'DELETE', OPERATOR, { body: { note: 'x'.repeat(501) } }, invalid('note')],
  ['a note that is a number', 'service', 'DELETE', OPERATOR, { body: { note: 1 } }, invalid('note')],
  [
    'an unknown field beside the note',
    'service',
    'DELETE',
    `${OPERATOR}/TOKEN`,
    { body: { reason: 'x' } },
    invalid('reason'),
  ],
  ['a malformed note', 'service', 'DELETE', OPERATOR, text('{'), MALFORMED],
  [
    'an extension without a lifetime',
    'service',
    'PATCH',
    '/api/sessions/TOKEN',
    { body: {} },
    invalid('expiresInSeconds'),
  ],
  [
    'an extension by both forms',
    'service',
    'PATCH',
    '/api/sessions/TOKEN',
    { body: { expiresInSeconds: 60, expiresAt: '2999-01-01T00:00:00Z' } },
    invalid('expiresAt'),
  ],
  [
    'an extension beyond the longest life',
    'service',
    'PATCH',
    '/api/sessions/TOKEN',
    { body: { expiresAt: '2999-01-01T00:00:00Z' } },
    lifetimeInvalid('expiresAt'),
  ],
];
