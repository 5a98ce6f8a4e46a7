import fc from 'fast-check';
import { bodyOf } from './bodies.js';
import type { HostileRequest, Route } from './request.js';
import { targetOf } from './targets.js';
import { hostileText } from './texts.js';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'LINK',
];

type Header = readonly [string, string];

const some = (kind: string) => fc.nat(10_000).map((n) => `<<${kind}:${n}>>`);
const bearer = (kind: string) => some(kind).map((text): Header[] => [['Authorization', `Bearer ${text}`]]);
/** What a header line can carry at all. */
const inHeader = hostileText.map((text) => text.replaceAll(/(?!\t)\p{Cc}/gu, '').slice(0, 2_000));

const credentials: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { weight: 16, arbitrary: bearer('bootstrap') },
  { weight: 10, arbitrary: bearer('credential') },
  { weight: 3, arbitrary: bearer('account-key') },
  { weight: 3, arbitrary: bearer('service-key') },
  { weight: 2, arbitrary: bearer('ended') },
  { weight: 2, arbitrary: bearer('tampered') },
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: inHeader.map((text): Header[] => [['Authorization', text]]) },
  { weight: 2, arbitrary: inHeader.map((text): Header[] => [['Authorization', `Bearer ${text}`]]) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<readonly Header[]>(
      [['authorization', 'bearer   <<bootstrap:0>>  ']],
      [['Authorization', 'Basic <<bootstrap:0>>']],
      [['Authorization', '<<bootstrap:0>>']],
      [['Authorization', 'Bearer <<bootstrap:0>>, Bearer x']],
      [['Authorization', 'Bearer <<credential:0>> <<bootstrap:0>>']],
      [
        ['Authorization', 'Bearer nothing'],
        ['Authorization', 'Bearer <<bootstrap:0>>'],
      ],
      [['Authorization', `Bearer ${'a'.repeat(9_000)}`]],
      [['Authorization', 'Bearer eyJ.eyJ.eyJ']],
      [['X-Api-Key', '<<bootstrap:0>>']],
      [['Cookie', 'session=<<credential:0>>']],
    ),
  },
);

const oddHeader: fc.Arbitrary<Header> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<Header>(
      ['X-Forwarded-For', '203.0.113.9, 127.0.0.1'],
      ['X-Forwarded-For', `${'1.1.1.1, '.repeat(300)}x`],
      ['X-Forwarded-Host', 'elsewhere.example'],
      ['X-Forwarded-Proto', 'https'],
      ['Forwarded', 'for=203.0.113.9;proto=https'],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-Original-URL', '/api/keys'],
      ['Accept', 'application/xml'],
      ['Accept-Encoding', 'gzip, br'],
      ['Accept-Version', '2.x'],
      ['Content-Encoding', 'gzip'],
      ['Origin', 'https://elsewhere.example'],
      ['Access-Control-Request-Method', 'DELETE'],
      ['Range', 'bytes=0-10'],
      ['If-None-Match', '*'],
      ['If-Modified-Since', 'Tue, 24 Nov 2026 08:00:00 GMT'],
      ['Prefer', 'wait=99999999'],
      ['Prefer', 'wait=-1, return=minimal'],
      ['Expect', '100-continue'],
      ['Expect', 'the unexpected'],
      ['Upgrade', 'websocket'],
      ['Upgrade', 'h2c'],
      ['Connection', 'close'],
      ['Connection', 'keep-alive, Authorization'],
      ['Traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      ['Traceparent', '00-00000000000000000000000000000000-0000000000000000-00'],
      ['Baggage', 'a=b'.repeat(500)],
      ['X-Request-Id', '<<bootstrap:0>>'],
      ['X-Request-Id', '<<account-key:0>>'],
      ['X-Request-Id', 'fine.id-1'],
      ['User-Agent', `Canary77 ${'('.repeat(5_000)}`],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('X-Request-Id', 'Accept', 'Traceparent', 'Prefer', 'X-Odd', 'Cookie'),
      inHeader,
    ),
  },
);

const idempotencyKey: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { weight: 12, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.nat(40).map((n): Header[] => [['Idempotency-Key', `again-${n}`]]) },
  { weight: 1, arbitrary: fc.nat().map((n): Header[] => [['Idempotency-Key', `once-${n}`]]) },
  { weight: 1, arbitrary: inHeader.map((text): Header[] => [['Idempotency-Key', text]]) },
);

/** Requests to every route, right and wrong in every part, of which many are accepted. */
export const hostileRequest = (routes: readonly Route[]): fc.Arbitrary<HostileRequest> =>
  fc.constantFrom(...routes).chain((route) =>
    fc
      .record({
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constant(route.method) },
          { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
        ),
        target: targetOf(route),
        credential: credentials,
        key: idempotencyKey,
        odd: fc.oneof(
          { weight: 3, arbitrary: fc.constant<Header[]>([]) },
          { weight: 1, arbitrary: fc.array(oddHeader, { minLength: 1, maxLength: 3 }) },
        ),
        sent: bodyOf(`${route.method} ${route.path}`),
        isChunked: fc.oneof(
          { weight: 9, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
      })
      .map(({ method, target, credential, key, odd, sent, isChunked }) => ({
        path: route.path,
        method,
        target,
        headers: [
          ...credential,
          ...(sent.type === undefined ? [] : [['Content-Type', sent.type] as const]),
          ...key,
          ...odd,
        ],
        body: sent.body,
        encoding: sent.encoding,
        isChunked,
      })),
  );
