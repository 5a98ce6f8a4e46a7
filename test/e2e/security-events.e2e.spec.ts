import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import type { LogLine } from './harness/app-process.js';
import type { Caller, Sent } from './harness/call.js';
import { createKey, dataOf, issue, type Issued, operatorPath } from './harness/sessions.js';
import { formsOf } from './harness/traces.js';
import { type Api, World } from './harness/world.js';

const WARN = 40;
const INFO = 30;
const OWN = '/api/account/sessions';
const ADDRESS = '203.0.113.77';
const USER_AGENT = 'Curious/9.1 (a person; a machine)';
const PERSONAL = {
  'user-agent': USER_AGENT,
  'x-forwarded-for': ADDRESS,
  forwarded: `for=${ADDRESS}`,
};

let world: World;
let api: Api;
let session: Issued;
let ended: Issued;
let reader: { id: string; key: string };
let accountKey: { id: string; key: string };

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi({ TRUSTED_PROXIES: '127.0.0.1' });
  session = await issue(api.service, 'ada');
  ended = await issue(api.service, 'ada');
  dataOf(await api.service.delete(`${operatorPath('ada')}/${ended.token}`));
  reader = await createKey(api.service, {
    kind: 'service',
    name: 'reader',
    scopes: ['sessions:read', 'keys:write'],
  });
  accountKey = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'panel' });
});
afterAll(() => world.stop());

/** The lines that the log has of one request. */
async function linesOf(of: Api, requestId: string, count = 1): Promise<readonly LogLine[]> {
  return until(
    () => of.lines().filter((line) => line.requestId === requestId),
    (lines) => lines.length >= count,
  );
}

async function told(
  caller: Caller,
  method: string,
  path: string,
  sent: Sent = {},
  of: Api = api,
): Promise<LogLine> {
  const requestId = `test-${randomUUID()}`;
  const headers = { ...PERSONAL, ...sent.headers, 'x-request-id': requestId };
  const answer = await caller.send(method, path, { ...sent, headers });
  const lines = await linesOf(of, requestId);
  expect(lines).toHaveLength(1);
  const { level, time: _, app, msg, ...fields } = lines[0]!;
  expect(app).toBe('sessions-api');
  expect(fields).toMatchObject({ requestId, method, status: answer.status, code: answer.body.code });
  return { level, msg, route: fields.route, credential: fields.credential, keys: Object.keys(fields).sort() };
}

const KEYS = ['code', 'method', 'requestId', 'route', 'status'];
const line = (level: number, msg: string, route: string, credential?: string) => ({
  level,
  msg: `security.${msg}`,
  route,
  credential,
  keys: credential === undefined ? KEYS : ['credential', ...KEYS].sort(),
});

describe('the log tells of a refused attempt', () => {
  it('without a credential', async () => {
    expect(await told(api.as(), 'GET', `${OWN}?page=7`)).toEqual(line(WARN, 'credential-missing', OWN));
  });

  it('with one that is garbage, naming none', async () => {
    expect(await told(api.as('c0rrect-horse-battery'), 'DELETE', OWN)).toEqual(
      line(WARN, 'credential-refused', OWN),
    );
  });

  it('with one that was signed by somebody else, naming none', async () => {
    const [head, body] = session.accessToken.split('.');
    const forged = api.as(`${head}.${body}.${'A'.repeat(86)}`);
    expect(await told(forged, 'GET', OWN)).toEqual(line(WARN, 'credential-refused', OWN));
  });

  it('with the credential of a session that has ended, naming the session', async () => {
    expect(await told(api.as(ended.accessToken), 'DELETE', `${OWN}/${session.token}`)).toEqual(
      line(WARN, 'credential-refused', `${OWN}/:token`, ended.token),
    );
  });

  it('with a wrong secret, naming the key', async () => {
    const wrong = api.as(`${reader.id}.${'x'.repeat(43)}`);
    expect(await told(wrong, 'GET', operatorPath('ada'))).toEqual(
      line(WARN, 'credential-refused', '/api/accounts/:accountId/sessions', reader.id),
    );
  });

  it('with a credential of the wrong kind', async () => {
    expect(await told(api.service, 'GET', OWN)).toEqual(
      line(WARN, 'credential-of-wrong-kind', OWN, 'bootstrap'),
    );
    expect(await told(api.as(session.accessToken), 'GET', '/api/keys')).toEqual(
      line(WARN, 'credential-of-wrong-kind', '/api/keys', session.token),
    );
  });

  it('without the scope', async () => {
    const body = { accountId: 'ada' };
    expect(await told(api.as(reader.key), 'POST', '/api/sessions', { body })).toEqual(
      line(WARN, 'scope-missing', '/api/sessions', reader.id),
    );
  });

  it('to make a key that is wider than the one that asks', async () => {
    const body = { kind: 'service', name: 'wider', scopes: ['sessions:issue'] };
    expect(await told(api.as(reader.key), 'POST', '/api/keys', { body })).toEqual(
      line(WARN, 'scope-not-granted', '/api/keys', reader.id),
    );
  });

  it('on a session that is not there', async () => {
    expect(await told(api.as(accountKey.key), 'DELETE', `${OWN}/session_guessed`)).toEqual(
      line(INFO, 'session-not-found', `${OWN}/:token`, accountKey.id),
    );
  });

  it('on a key that is not there', async () => {
    expect(await told(api.service, 'DELETE', '/api/keys/key_guessed')).toEqual(
      line(INFO, 'api-key-not-found', '/api/keys/:id', 'bootstrap'),
    );
  });

  it('with the Idempotency-Key of another request', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await api.service.send('POST', '/api/sessions', { headers, body: { accountId: 'bob' } });
    dataOf(first, 201);
    const body = { accountId: 'carol' };
    expect(await told(api.service, 'POST', '/api/sessions', { headers, body })).toEqual(
      line(INFO, 'idempotency-key-reused', '/api/sessions', 'bootstrap'),
    );
  });

  it('that no route takes, or that cannot be read', async () => {
    expect(await told(api.as(), 'GET', '/admin/login?password=hunter2')).toEqual(
      line(INFO, 'request-refused', 'none'),
    );
    expect(await told(api.service, 'POST', '/api/sessions', { body: '{"accountId":' })).toEqual(
      line(INFO, 'request-refused', '/api/sessions'),
    );
    expect((await told(api.as(), 'GET', '/api/accounts/%zz/sessions')).msg).toBe('security.request-refused');
  });

  it('that is not even HTTP, under the id that was answered', async () => {
    const { port, hostname } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET / HTTP/1.1\r\nUser-Agent ${USER_AGENT}\r\n\r\n`);
    const [, requestId] = /^X-Request-Id: (.+)\r$/m.exec(await text(socket))!;
    const [{ level, msg, code }] = (await linesOf(api, requestId!)) as [LogLine];
    expect({ level, msg, code }).toEqual({
      level: INFO,
      msg: 'security.request-refused',
      code: 'REQUEST_MALFORMED',
    });
  });

  it('beyond the rate limit', async () => {
    const limited = await world.startApi({ RATE_LIMIT_PER_MINUTE: '3' });
    for (let i = 0; i < 3; i++) await limited.service.get('/api/keys');
    expect(await told(limited.service, 'GET', '/api/keys', {}, limited)).toEqual(
      line(WARN, 'rate-limited', '/api/keys'),
    );
  });
});

describe('the log of whoever tries again and again', () => {
  it('stays short, and tells how many lines were left out', async () => {
    const flooded = await world.startApi();
    const attempts = 400;
    await Promise.all(Array.from({ length: attempts }, () => flooded.as('garbage').get(OWN)));
    const written = () => flooded.lines().filter(({ msg }) => msg === 'security.credential-refused').length;
    const leftOut = () =>
      flooded
        .lines()
        .filter(({ msg, event }) => msg === 'log.left-out' && event === 'security.credential-refused')
        .reduce((sum, { leftOut }) => sum + (leftOut as number), 0);
    await until(
      () => written() + leftOut(),
      (known) => known === attempts,
    );
    expect(written()).toBeLessThan(attempts / 4);
  });
});

describe('the log has nothing', () => {
  const everything = () => api.output();

  it('of what was provoked here but events', () => {
    expect(everything().split('\n').length).toBeGreaterThan(15);
    for (const text of everything().split('\n')) expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it('that authenticates', () => {
    const secrets = [
      session.accessToken,
      ended.accessToken,
      ended.accessToken.split('.')[2]!,
      reader.key,
      reader.key.split('.')[1]!,
      accountKey.key.split('.')[1]!,
      world.bootstrapKey,
      world.masterKey,
      'c0rrect-horse-battery',
      'hunter2',
      'x'.repeat(43),
      'A'.repeat(86),
    ];
    const found = secrets.flatMap(formsOf).filter((form) => everything().includes(form));
    expect(found).toEqual([]);
  });

  it('that is personal: no address, no user agent, no path or query as it was sent, no account', () => {
    const personal = [ADDRESS, USER_AGENT, 'Curious', '127.0.0.1:', '::1', '%zz', 'page=7', 'login', '"ada"'];
    const besides = everything()
      .split('\n')
      .filter((text) => !text.includes('"api.listening"'))
      .join('\n');
    expect(personal.filter((one) => besides.includes(one))).toEqual([]);
  });
});
