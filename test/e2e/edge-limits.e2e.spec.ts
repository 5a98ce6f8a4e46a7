import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { untilWaitingForLock } from '../harness/lock-waits.js';
import { RawConnection, type RawAnswer } from './harness/raw-connection.js';
import { logPosition } from './harness/recorded.js';
import { issue, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const KIB = 1_024;
const ROUNDS = 10;

describe('what a request may be', () => {
  let world: World;
  let api: Api;
  let connection: RawConnection;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterAll(() => world.stop());
  beforeEach(async () => {
    connection = await RawConnection.open(api.url);
  });
  afterEach(() => connection.destroy());

  const head = (line: string, ...headers: string[]) =>
    [
      `${line} HTTP/1.1`,
      'Host: signoff.test',
      `Authorization: Bearer ${world.bootstrapKey}`,
      ...headers,
      '',
      '',
    ].join('\r\n');
  const post = (path: string, body: string, ...headers: string[]) =>
    `${head(`POST ${path}`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...headers)}${body}`;
  const chunked = (path: string, body: string) =>
    `${head(`POST ${path}`, 'Content-Type: application/json', 'Transfer-Encoding: chunked')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  /** An issue with spaces behind it. */
  const issueOf = (bytes: number) => '{"accountId":"ada"}'.padEnd(bytes);
  const codeOf = (answer: RawAnswer | undefined) => answer && [answer.status, JSON.parse(answer.text).code];

  describe('a body', () => {
    it('may have 64 KiB', async () => {
      connection.write(post('/api/sessions', issueOf(64 * KIB)));
      expect((await connection.next())?.status).toBe(201);
      connection.write(chunked('/api/sessions', issueOf(64 * KIB)));
      expect((await connection.next())?.status).toBe(201);
    });

    it.each([
      ['with its length', post],
      ['in chunks', chunked],
    ])('may not have more, sent %s', async (_how, send) => {
      const position = await logPosition(world.owner);
      connection.write(send('/api/sessions', issueOf(64 * KIB + 1)));
      expect(codeOf(await connection.next())).toEqual([413, 'BODY_TOO_LARGE']);
      expect(await logPosition(world.owner)).toBe(position);
    });

    it('that is far too large takes no answer from its sender, not even from one that reads late', async () => {
      connection.pause();
      connection.write(head('GET /openapi.json').repeat(10) + post('/api/sessions', issueOf(16 * KIB * KIB)));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      connection.resume();
      for (let i = 0; i < 10; i++) expect((await connection.next())?.status).toBe(200);
      expect(codeOf(await connection.next())).toEqual([413, 'BODY_TOO_LARGE']);
    });

    it.each(['[', '{"a":'])('may not nest without end, even where it is hashed: %s', async (opening) => {
      const closing = opening === '[' ? ']' : '}';
      const body = `${opening.repeat(10_000)}1${closing.repeat(10_000)}`;
      connection.write(post('/api/sessions', body, 'Idempotency-Key: deep'));
      expect(codeOf(await connection.next())).toEqual([400, 'BODY_MALFORMED']);
    });

    it('is no failure of the service when its sender goes away in the middle of it', async () => {
      connection.write(post('/api/sessions', '{"accountId":"ada"}').slice(0, -5));
      // Its head has been read when this, on another connection, is answered.
      await api.as().get('/health/live');
      connection.destroy();
      await connection.closed;
      const { text } = await api.as().get('/metrics');
      expect(text).not.toMatch(/signoff_refusals_total\{[^}]*(LOG_UNAVAILABLE|INTERNAL_ERROR)/);
      expect(api.output()).not.toContain('request.failed');
    });
  });

  describe('a path', () => {
    const account = (id: string) => `GET ${operatorPath(id)}?limit=1`;

    it.each(['%', '/', '😀', 'ü', '#', 'a'])('takes an account id of 128 times %s', async (character) => {
      connection.write(head(account(character.repeat(128))));
      expect((await connection.next())?.status).toBe(200);
    });

    it.each(['%', '😀', 'a'])('says what is wrong with an account id of 129 times %s', async (character) => {
      connection.write(head(account(character.repeat(129))));
      expect(codeOf(await connection.next())).toEqual([400, 'INPUT_INVALID']);
    });

    it.each(['%', '😀', 'a'])('takes no part of 513 times %s', async (character) => {
      connection.write(head(account(character.repeat(513))));
      expect(codeOf(await connection.next())).toEqual([414, 'URL_TOO_LONG']);
    });

    it('with its query takes 4 KiB', async () => {
      const path = '/api/keys?limit=1&x=';
      connection.write(head(`GET ${path.padEnd(4 * KIB, 'x')}`));
      expect((await connection.next())?.status).toBe(200);
      connection.write(head(`GET ${path.padEnd(4 * KIB + 1, 'x')}`));
      expect(codeOf(await connection.next())).toEqual([414, 'URL_TOO_LONG']);
    });
  });

  it.each([
    [
      'headers of more than 16 KiB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(16 * KIB)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'a URL of more than 16 KiB',
      `GET /${'x'.repeat(16 * KIB)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(900 * KIB)}`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    ['what is not HTTP', 'GARBAGE\r\n\r\n', 400, 'REQUEST_MALFORMED'],
    ['the start of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'REQUEST_MALFORMED'],
    [
      'two lengths',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n',
      400,
      'REQUEST_MALFORMED',
    ],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'REQUEST_MALFORMED',
    ],
    [
      'a chunk without a size',
      'POST /api/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n',
      400,
      'REQUEST_MALFORMED',
    ],
    ['no Host', 'GET /health/live HTTP/1.1\r\n\r\n', 400, 'REQUEST_MALFORMED'],
    ['HTTP/2 where there is none', 'GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n', 400, 'REQUEST_MALFORMED'],
  ])('refuses %s, with a problem, and closes the connection', async (_what, text, status, code) => {
    connection.write(Buffer.from(text, 'latin1'));
    const answer = await connection.next();
    expect(codeOf(answer)).toEqual([status, code]);
    expect(answer?.headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/problem\+json/),
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/^[\w-]{36}$/),
      connection: 'close',
    });
    await connection.closed;
  });

  it('refuses to expect what it does not know, and takes what it does', async () => {
    connection.write(head('GET /api/keys', 'Expect: a miracle'));
    expect(codeOf(await connection.next())).toEqual([417, 'EXPECTATION_UNSUPPORTED']);
    connection.write(post('/api/sessions', '{"accountId":"ada"}', 'Expect: 100-continue'));
    expect((await connection.next())?.status).toBe(201);
  });

  it('takes HTTP/1.0 without a Host', async () => {
    connection.write('GET /health/live HTTP/1.0\r\n\r\n');
    expect((await connection.next())?.status).toBe(200);
  });

  describe('requests that arrive together', () => {
    it('are carried out in their order', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const account = `in-order-${round}`;
        const body = JSON.stringify({ accountId: account });
        connection.write(
          [
            post('/api/sessions', body),
            post('/api/sessions', body),
            head(`DELETE ${operatorPath(account)}`),
            post('/api/sessions', body),
            head(`GET ${operatorPath(account)}`),
          ].join(''),
        );
        const answers = [];
        for (let i = 0; i < 5; i++) answers.push(await connection.next());
        const [, , revoked, last, list] = answers.map((answer) => JSON.parse(answer!.text).data);
        expect(revoked).toEqual({ revoked: 2, currentSessionRevoked: false });
        expect(list).toMatchObject([{ token: last.token }]);
      }
    });

    it.each([
      ['a body that is too large', () => chunked('/api/sessions', issueOf(64 * KIB + 1)), 413],
      ['a request to close', () => head('GET /api/keys', 'Connection: close'), 200],
      [
        'a request of no version, whose path cannot be read either',
        () => head('GET /%c0%ae', 'Connection: keep-alive').replace(' HTTP/1.1', ''),
        400,
      ],
    ])('are not carried out behind %s', async (_what, closing, status) => {
      await issue(api.service, 'ada');
      const position = await logPosition(world.owner);
      connection.write(closing() + head(`DELETE ${operatorPath('ada')}`));
      expect((await connection.next())?.status).toBe(status);
      await connection.closed;
      // Commands on one account are carried out one after another: one begun before this is in the log before it.
      await issue(api.service, 'ada');
      expect(await logPosition(world.owner)).toBe(position + 1);
    });

    it('are not carried out once their sender has gone', async () => {
      const position = await logPosition(world.owner);
      const holder = await world.owner.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM event_log.head FOR UPDATE');
      connection.write(post('/api/sessions', '{"accountId":"eve"}') + head(`DELETE ${operatorPath('eve')}`));
      await untilWaitingForLock(world.owner, { application: 'signoff-writer', count: 1 });
      connection.destroy();
      await connection.closed;
      // Its end has been read when this, on another connection, is answered.
      await api.as().get('/health/live');
      await holder.query('COMMIT');
      holder.release();
      await issue(api.service, 'eve');
      expect(await logPosition(world.owner)).toBe(position + 2);
    });

    it('are answered one by one before what cannot be read behind them', async () => {
      connection.write(`${head('GET /api/keys')}${head('GET /health/live')}GARBAGE\r\n\r\n`);
      expect((await connection.next())?.status).toBe(200);
      expect((await connection.next())?.text).toBe('{"status":"ok"}');
      expect(codeOf(await connection.next())).toEqual([400, 'REQUEST_MALFORMED']);
    });
  });

  describe('the id of a request', () => {
    const idGiven = async (id: string, credential = world.bootstrapKey) =>
      (await api.as(credential).get('/api/keys', { 'x-request-id': id })).headers['x-request-id'];

    it('is the one that it brings', async () => {
      expect(await idGiven('checkout-7.b_1')).toBe('checkout-7.b_1');
    });

    it.each([
      ['the credential itself', () => [world.bootstrapKey, world.bootstrapKey]],
      ['the bootstrap key in a request of another', () => [world.bootstrapKey, 'nothing']],
      ['an API key', () => [`key_${'a'.repeat(22)}.${'b'.repeat(43)}`, 'nothing']],
      ['more than 64 characters', () => ['x'.repeat(65), 'nothing']],
      ['something with spaces', () => ['a b', 'nothing']],
    ])('is never %s', async (_what, values) => {
      const [id, credential] = values();
      expect(await idGiven(id!, credential)).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    });
  });
});
