/** A request whose placeholders are filled in. */
export interface Written {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
}

const CRLF = '\r\n';

const headOf = ({ method, target, headers }: Written, ...more: string[]) =>
  [
    `${method} ${target} HTTP/1.1`,
    'Host: signoff.test',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...more,
    '',
    '',
  ].join(CRLF);

const bytes = (...parts: (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** As HTTP wants it. */
export function framed(request: Written, isChunked: boolean): Buffer {
  const { body } = request;
  if (body === undefined) return bytes(headOf(request));
  if (!isChunked) return bytes(headOf(request, `Content-Length: ${body.length}`), body);
  const middle = Math.ceil(body.length / 2);
  const chunks = [body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length > 0);
  return bytes(
    headOf(request, 'Transfer-Encoding: chunked'),
    ...chunks.flatMap((chunk) => [`${chunk.length.toString(16)};x=y${CRLF}`, chunk, CRLF]),
    `0${CRLF}${CRLF}`,
  );
}

/**
 * As HTTP does not want it: by each of these the end of a request can be seen in two places, or its head is none. What
 * hides behind the first end must never be carried out: `hidden` is a whole request that would be.
 */
export const MISFRAMINGS: readonly ((request: Written, hidden: Buffer) => Buffer)[] = [
  (request, hidden) =>
    bytes(
      headOf(request, `Content-Length: ${hidden.length + 5}`, 'Transfer-Encoding: chunked'),
      `0${CRLF}${CRLF}`,
      hidden,
    ),
  (request, hidden) =>
    bytes(headOf(request, 'Transfer-Encoding: chunked', 'Content-Length: 5'), `0${CRLF}${CRLF}`, hidden),
  (request, hidden) =>
    bytes(headOf(request, 'Content-Length: 0', `Content-Length: ${hidden.length}`), hidden),
  (request, hidden) => bytes(headOf(request, `Content-Length: 0, ${hidden.length}`), hidden),
  (request, hidden) => bytes(headOf(request, `Content-Length: +${hidden.length}`), hidden),
  (request, hidden) => bytes(headOf(request, `Content-Length: 0x${hidden.length.toString(16)}`), hidden),
  (request, hidden) => bytes(headOf(request, 'Content-Length: -1'), hidden),
  (request, hidden) => bytes(headOf(request, 'Content-Length: 99999999999999999999'), hidden),
  (request, hidden) => bytes(headOf(request, 'Content-Length : 0'), hidden),
  (request, hidden) => bytes(headOf(request, 'Transfer-Encoding: xchunked'), hidden),
  (request, hidden) =>
    bytes(headOf(request, 'Transfer-Encoding: chunked, identity'), `0${CRLF}${CRLF}`, hidden),
  (request, hidden) =>
    bytes(
      headOf(request, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
      `0${CRLF}${CRLF}`,
      hidden,
    ),
  (request, hidden) => bytes(headOf(request, 'Transfer-Encoding: \x0bchunked'), `0${CRLF}${CRLF}`, hidden),
  (request, hidden) =>
    bytes(headOf(request, 'Transfer-Encoding: chunked'), `ffffffffffffffff1${CRLF}`, hidden),
  (request, hidden) => bytes(headOf(request, 'Transfer-Encoding: chunked'), `-1${CRLF}`, hidden),
  (request, hidden) => bytes(headOf(request, 'Transfer-Encoding: chunked'), `1\n`, hidden),
  (request, hidden) =>
    bytes(headOf(request, 'Transfer-Encoding: chunked'), `1;${'x'.repeat(20_000)}${CRLF}`, hidden),
  (request, hidden) => bytes(headOf(request).replace(CRLF, '\n'), hidden),
  (request, hidden) =>
    bytes(headOf(request).replaceAll(CRLF, '\n'), hidden.toString().replaceAll(CRLF, '\n')),
  (request, hidden) => bytes(headOf(request, 'X-Folded: a\r\n b'), hidden),
  (request, hidden) => bytes(headOf(request, 'X-Nul: a\0b'), hidden),
  (request, hidden) => bytes(headOf(request, 'X-Return: a\rb'), hidden),
  (request, hidden) => bytes(headOf(request, 'no colon here'), hidden),
  (request, hidden) => bytes(headOf(request, ': no name'), hidden),
  (request, hidden) => bytes(headOf(request, 'näme: x'), hidden),
  (request, hidden) => bytes(headOf(request, `X-Large: ${'x'.repeat(20_000)}`), hidden),
  (request, hidden) => bytes(headOf(request, ...Array.from({ length: 3_000 }, (_, i) => `x${i}: y`)), hidden),
  (request, hidden) => bytes(headOf({ ...request, target: `/${'x'.repeat(20_000)}` }), hidden),
  (request, hidden) => bytes(headOf({ ...request, target: '' }), hidden),
  (request, hidden) => bytes(headOf({ ...request, method: 'connect' }), hidden),
  (request, hidden) => bytes(headOf({ ...request, method: 'GET\0' }), hidden),
  (request, hidden) => bytes(headOf({ ...request, method: 'X'.repeat(5_000) }), hidden),
  (request, hidden) => bytes(headOf({ ...request, method: 'CONNECT', target: 'a:80' }), hidden),
  (request, hidden) => bytes(headOf(request).replace(' HTTP/1.1', ''), hidden),
  (_request, hidden) => bytes(`PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`, hidden),
  (_request, hidden) => bytes(Buffer.from('160301020001000000fc0303', 'hex'), hidden),
  (_request, hidden) => bytes(Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10]), hidden),
  (_request, hidden) => bytes(hidden.subarray(0, Math.floor(hidden.length / 2))),
  (_request, hidden) => bytes(hidden.subarray(0, hidden.length - 1)),
];
