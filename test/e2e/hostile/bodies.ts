import fc from 'fast-check';
import { hostileText, hostileValue, inUrl } from './texts.js';

interface Body {
  readonly body: string | undefined;
  readonly type: string | undefined;
  readonly encoding: 'utf8' | 'latin1';
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

const account = fc.nat(10_000).map((n) => `<<account:${n}>>`);
const instants = fc.constantFrom(
  '2026-12-24T08:00:00Z',
  '2027-01-01T00:00:00+02:00',
  '2020-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '2026-02-30T00:00:00Z',
  '2026-12-24',
  '+010000-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '2026-12-24T24:00:00Z',
);
/** Personal data, all of it with a mark by which a log line would be known. */
const addresses = fc.constantFrom(
  '203.0.113.77',
  '2001:db8:77::7',
  '::ffff:203.0.113.77',
  '203.0.113.077',
  'fe80::77%eth0',
);
const agents = fc.constantFrom(
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Canary77 Chrome/130.0 Safari/537.36',
  `Canary77 ${'('.repeat(2_000)}`,
  `Canary77 ${'a/1 '.repeat(400)}`,
  'Canary77\n',
);
const texts = fc.constantFrom('canary77', `canary77${'😀'.repeat(100)}`, 'canary77\u0001');
const scopes = fc.subarray([
  'sessions:issue',
  'sessions:introspect',
  'sessions:read',
  'sessions:revoke',
  'keys:write',
  'audit:read',
  'accounts:erase',
  'nothing',
]);

const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });

const VALID: Record<string, fc.Arbitrary<object>> = {
  'POST /api/sessions': fc.record({
    accountId: account,
    expiresInSeconds: optional(fc.constantFrom(60, 3_600, 2_592_000, 7_776_000)),
    ipAddress: optional(addresses),
    userAgent: optional(agents),
    fingerprint: optional(texts),
  }),
  'PATCH /api/sessions/{token}': fc.oneof(
    fc.record({ expiresInSeconds: fc.constantFrom(60, 3_600, 7_776_000) }),
    fc.record({ expiresAt: instants }),
  ),
  'POST /api/keys': fc.oneof(
    fc.record({
      kind: fc.constant('account'),
      accountId: account,
      name: texts,
      expiresAt: optional(instants),
    }),
    fc.record({ kind: fc.constant('service'), name: texts, scopes, expiresAt: optional(instants) }),
  ),
  'DELETE /api/accounts/{accountId}/sessions': fc.record({ note: optional(texts) }),
  'DELETE /api/accounts/{accountId}/sessions/{token}': fc.record({ note: optional(texts) }),
};

const FIELDS = [
  'accountId',
  'expiresInSeconds',
  'expiresAt',
  'ipAddress',
  'userAgent',
  'fingerprint',
  'note',
  'kind',
  'name',
  'scopes',
  'unknown',
  'constructor',
];

const json = (text: string): Body => ({ body: text, type: JSON_TYPE, encoding: 'utf8' });

const changed = (valid: fc.Arbitrary<object>) =>
  fc
    .tuple(
      valid,
      fc.array(fc.tuple(fc.constantFrom(...FIELDS), hostileValue), { minLength: 1, maxLength: 2 }),
    )
    .map(([body, changes]) => json(JSON.stringify({ ...body, ...Object.fromEntries(changes) })));

const odd: fc.Arbitrary<Body> = fc.constantFrom(
  json(''),
  json(' '),
  json('{'),
  json('nul'),
  json('"<<account:1>>"'),
  json('[]'),
  json('7'),
  json('1e400'),
  json('{"accountId":"<<account:1>>","accountId":"<<account:2>>"}'),
  json('{"__proto__":{"admin":true},"accountId":"<<account:1>>"}'),
  json('{"constructor":{"prototype":{"admin":true}},"accountId":"<<account:1>>"}'),
  json('{"accountId":"<<account:1>>"}trailing'),
  json('\uFEFF{"accountId":"<<account:1>>"}'),
  json('{"accountId":"\\ud800"}'),
  json('{"accountId":"\\u0000"}'),
  json(`{"accountId":"<<account:1>>","userAgent":"${'\\ud83d\\ude00'.repeat(2_048)}"}`),
  json('['.repeat(30_000)),
  json('['.repeat(30_000) + ']'.repeat(30_000)),
  json(`${'{"accountId":'.repeat(4_000)}1${'}'.repeat(4_000)}`),
  json(`{"accountId":"${'x'.repeat(65_000)}"}`),
  json(`{"accountId":"${'x'.repeat(65_536)}"}`),
  json(`[${'0,'.repeat(30_000)}0]`),
  { body: '{"accountId":"\xff\xfe"}', type: JSON_TYPE, encoding: 'latin1' },
  { body: '{"accountId":"\xc0\x80"}', type: JSON_TYPE, encoding: 'latin1' },
  { body: '{"accountId":"<<account:1>>"}', type: 'application/json; charset=utf-16', encoding: 'utf8' },
  { body: '{"accountId":"<<account:1>>"}', type: 'application/json;', encoding: 'utf8' },
  { body: '{"accountId":"<<account:1>>"}', type: 'application/vnd.api+json', encoding: 'utf8' },
  { body: '{"accountId":"<<account:1>>"}', type: 'text/plain', encoding: 'utf8' },
  { body: '{"accountId":"<<account:1>>"}', type: undefined, encoding: 'utf8' },
  { body: '<a/>', type: 'application/xml', encoding: 'utf8' },
  { body: '--x\r\n\r\n--x--', type: 'multipart/form-data; boundary=x', encoding: 'utf8' },
  { body: 'x', type: 'not a type', encoding: 'utf8' },
);

const form: fc.Arbitrary<Body> = fc
  .oneof(
    { weight: 3, arbitrary: fc.nat(10_000).map((n) => `token=<<credential:${n}>>`) },
    { weight: 1, arbitrary: fc.nat(10_000).map((n) => `token=<<ended:${n}>>`) },
    { weight: 1, arbitrary: fc.nat(10_000).map((n) => `token=<<tampered:${n}>>`) },
    { weight: 1, arbitrary: fc.nat(10_000).map((n) => `token=<<account-key:${n}>>`) },
    { weight: 2, arbitrary: hostileText.map((text) => `token=${inUrl(text)}`) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '',
        'token',
        'token=',
        'token=a&token=b',
        'token[]=a',
        'token[a]=b',
        '__proto__=a&token=b',
        'token=%',
        'token=%ff',
        `token=${'a'.repeat(60_000)}`,
        '&'.repeat(10_000),
        'token_type_hint=access_token&token=<<credential:1>>',
      ),
    },
  )
  .map((body) => ({ body, type: FORM_TYPE, encoding: 'utf8' as const }));

const nothing = fc.constantFrom<Body>(
  { body: undefined, type: undefined, encoding: 'utf8' },
  { body: undefined, type: JSON_TYPE, encoding: 'utf8' },
);

/** `route`: method and path template. */
export function bodyOf(route: string): fc.Arbitrary<Body> {
  if (route === 'POST /api/introspect') {
    return fc.oneof({ weight: 8, arbitrary: form }, { weight: 1, arbitrary: odd });
  }
  const valid = VALID[route];
  if (!valid) {
    return fc.oneof(
      { weight: 12, arbitrary: nothing },
      { weight: 1, arbitrary: odd },
      { weight: 1, arbitrary: form },
      { weight: 1, arbitrary: changed(fc.constant({})) },
    );
  }
  return fc.oneof(
    { weight: 6, arbitrary: valid.map((body) => json(JSON.stringify(body))) },
    { weight: 4, arbitrary: changed(valid) },
    { weight: 2, arbitrary: odd },
    { weight: 1, arbitrary: nothing },
  );
}
