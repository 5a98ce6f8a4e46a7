import fc from 'fast-check';
import type { Route } from './request.js';
import { hostileText, inUrl } from './texts.js';

const percentAll = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

const encodings: readonly ((text: string) => string)[] = [
  (text) => inUrl(text),
  (text) => encodeURIComponent(inUrl(text)),
  percentAll,
  // No byte that would end the request line.
  (text) => text.replaceAll(/[\0-\x20\x7f]/g, ''),
];

const OVERLONG = ['%c0%ae', '%c0%af', '%e0%80%af', '%ff', '%', '%4', '%zz', '%u002e', '%ed%a0%80'];

const paramOf = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.nat(10_000).map((n) => `<<${KIND_OF[name] ?? 'text'}:${n}>>`) },
    {
      weight: 3,
      arbitrary: fc.tuple(hostileText, fc.constantFrom(...encodings)).map(([text, encode]) => encode(text)),
    },
    { weight: 1, arbitrary: fc.constantFrom(...OVERLONG) },
  );

const KIND_OF: Record<string, string> = { token: 'session', accountId: 'account-in-path', id: 'key-id' };

const mangles: readonly ((path: string) => string)[] = [
  (path) => `${path}/`,
  (path) => `${path}//`,
  (path) => `/${path}`,
  (path) => path.replaceAll('/', '//'),
  (path) => path.toUpperCase(),
  (path) => path.replace('a', '%61'),
  (path) => path.replace('/api/', '/api/../api/'),
  (path) => path.replace('/api/', '/api/%2e%2e/api/'),
  (path) => path.replace('/api/', '/api%2f'),
  (path) => `${path}%00`,
  (path) => `${path}%20`,
  (path) => `${path};a=b`,
  (path) => `${path}.json`,
  (path) => `${path}#fragment`,
  (path) => `http://elsewhere.example${path}`,
  (path) => `http://elsewhere.example:99999${path}`,
  (path) => `ftp://elsewhere.example${path}`,
  (path) => path.slice(1),
  (path) => path.replace('/api', ''),
  (path) => `${path}/${'a/'.repeat(200)}`,
  (path) => `${path}${'x'.repeat(5_000)}`,
  () => '*',
  () => '/',
  () => '?',
  (path) => `${path}é`,
];

const pair = fc.tuple(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'page',
        'limit',
        'includeCurrent',
        'page[]',
        'limit[a]',
        'token',
        '__proto__',
        '',
      ),
    },
    { weight: 1, arbitrary: hostileText.map((text) => inUrl(text)) },
  ),
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('1', '2', '50', '100', '101', '0', '-1', 'true', 'false', '2147483647', ''),
    },
    { weight: 2, arbitrary: hostileText.map((text) => inUrl(text)) },
    { weight: 1, arbitrary: fc.constantFrom(...OVERLONG, '+1', '1%20', '%31', '1&limit=2') },
  ),
);

const query = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('?page=1&limit=10', '?includeCurrent=true', '?includeCurrent=false', '?'),
  },
  {
    weight: 3,
    arbitrary: fc
      .array(pair, { minLength: 1, maxLength: 4 })
      .map((pairs) => `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('?&&&=', '?=', '?a', '?%', `?${'a=1&'.repeat(900)}`, '??page=1', '?page=1#2'),
  },
);

/** The route's path with its parameters filled in, spelled in many ways, and a query. */
export function targetOf({ path }: Route): fc.Arbitrary<string> {
  const params = fc.tuple(...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => paramOf(name!)));
  const mangle = fc.oneof(
    { weight: 5, arbitrary: fc.constant((text: string) => text) },
    { weight: 1, arbitrary: fc.constantFrom(...mangles) },
  );
  return fc.tuple(params, mangle, query).map(([values, mangle, query]) => {
    let next = 0;
    return mangle(path.replaceAll(/\{\w+\}/g, () => values[next++]!)) + query;
  });
}
