import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, createInbox, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { ClientProxyFactory, NatsRecordBuilder, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { until } from '../harness/until.js';
import { createKey, dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { Subscribers } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

let world: World;
let apis: Api[];
let api: Api;
let bus: NatsConnection;

beforeAll(async () => {
  world = await World.create();
  // Before NATS: what it answers there begins when NATS comes.
  await world.nats.stop();
  apis = [await world.startApi(), await world.startApi()];
  api = apis[0]!;
  await world.nats.start();
  bus = await connect({ servers: world.nats.url });
  await until(
    () => ask('introspect', { token: 'x' }).catch((error: Error) => error.message),
    (answer) => typeof answer === 'object',
  );
});
afterAll(async () => {
  await bus.close();
  await world.stop();
});

const headersOf = (fields: Readonly<Record<string, string>>) => {
  const headers = natsHeaders();
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  return headers;
};

async function ask(
  operation: string,
  question: unknown,
  fields: Readonly<Record<string, string>> = {},
  key: string | undefined = world.bootstrapKey,
): Promise<any> {
  const text = typeof question === 'string' ? question : JSON.stringify(question);
  const headers = headersOf({ ...(key && { Authorization: `Bearer ${key}` }), ...fields });
  const answer = await bus.request(`signoff.rpc.billing.${operation}`, text, { timeout: 10_000, headers });
  return answer.json();
}

const revoke = (accountId: string, token: string, fields = {}) => ask('revoke', { accountId, token }, fields);

describe('what is asked on NATS', () => {
  it('is answered as over HTTP: issue, introspect, revoke', async () => {
    const personal = { ipAddress: '203.0.113.9', userAgent: 'curl/8.5.0', fingerprint: 'f' };
    const { data } = await ask('issue', { accountId: 'ada', expiresInSeconds: 600, ...personal });
    const byHttp = await issue(api.service, 'ada', { expiresInSeconds: 600, ...personal });
    expect(Object.keys(data)).toEqual(Object.keys(byHttp));
    const listed = await api.as(data.accessToken).get(`/api/account/sessions/${data.token}`);
    expect(dataOf(listed)).toMatchObject({ isCurrent: true, ...personal });

    const introspected = await ask('introspect', { token: data.accessToken });
    const { body } = await api.service.postForm('/api/introspect', { token: data.accessToken });
    expect(introspected).toEqual(body);
    expect(introspected).toMatchObject({ active: true, sub: 'ada', sid: data.token });

    expect(await revoke('ada', data.token)).toEqual({
      data: { revoked: true, currentSessionRevoked: false },
      position: expect.any(Number),
    });
    expect(await ask('introspect', { token: data.accessToken })).toEqual({ active: false });
    expect(await listedBy(api.service, operatorPath('ada'))).toEqual([byHttp.token]);
  });

  it('ends all sessions of an account, with the true number', async () => {
    for (let i = 0; i < 3; i++) await issue(api.service, 'eve');
    const { data, position } = await ask('revoke-all', { accountId: 'eve', note: 'reported stolen' });
    expect(data).toEqual({ revoked: 3, currentSessionRevoked: false });
    const again = await ask('revoke-all', { accountId: 'eve' });
    expect(again).toEqual({ data: { revoked: 0, currentSessionRevoked: false }, position });
    expect(await listedBy(api.service, operatorPath('eve'))).toEqual([]);
  });

  it('is recorded under the key that asked', async () => {
    const { key, id } = await createKey(api.service, {
      kind: 'service',
      name: 'b',
      scopes: ['sessions:revoke'],
    });
    const { token } = await issue(api.service, 'ada');
    const { position } = await ask('revoke', { accountId: 'ada', token }, {}, key);
    const { rows } = await world.owner.query(
      'SELECT data, metadata FROM event_log.event WHERE position = $1',
      [position],
    );
    expect(JSON.parse(rows[0].data)).toMatchObject({ sessionId: token, reason: 'operator' });
    expect(JSON.parse(rows[0].metadata)).toMatchObject({ actor: { type: 'service', id }, credential: id });
  });

  it('waits for the effect where that is preferred', async () => {
    const subscribers = new Subscribers(world);
    await subscribers.start({ instance: 'one' }).ready();
    const { token } = await issue(api.service, 'ada');
    const { effect, position } = await revoke('ada', token, { Prefer: 'wait=5' });
    expect(effect).toMatchObject({ position, inEffect: true });
    await subscribers.stop();
  });

  it('happens once for each Idempotency-Key, whichever process it comes to', async () => {
    const fields = { 'Idempotency-Key': 'one' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask('issue', { accountId: 'zoe' }, fields)),
    );
    expect(new Set(answers.map(({ data }) => data.token)).size).toBe(1);
    expect(await listedBy(api.service, operatorPath('zoe'))).toHaveLength(1);
    const { error } = await ask('issue', { accountId: 'bob' }, fields);
    expect(error.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const bad = await ask('issue', { accountId: 'bob' }, { 'Idempotency-Key': 'not one word' });
    expect(bad.error).toMatchObject({ code: 'INPUT_INVALID', errors: [{ field: 'Idempotency-Key' }] });
  });

  it('is answered once, by one of the processes', async () => {
    const inbox = createInbox();
    const answers: unknown[] = [];
    bus.subscribe(inbox, { callback: (_, message) => void answers.push(message.json()) });
    const headers = headersOf({ Authorization: `Bearer ${world.bootstrapKey}` });
    for (let i = 0; i < 20; i++) {
      bus.publish('signoff.rpc.billing.introspect', JSON.stringify({ token: `${i}` }), {
        reply: inbox,
        headers,
      });
    }
    await until(
      () => answers.length,
      (count) => count >= 20,
    );
    await ask('introspect', { token: 'x' });
    expect(answers).toHaveLength(20);
  });
});

describe("Nest's own client", () => {
  const client = () =>
    ClientProxyFactory.create({ transport: Transport.NATS, options: { servers: [world.nats.url] } });
  const record = (data: object, key = world.bootstrapKey) =>
    new NatsRecordBuilder(data).setHeaders(headersOf({ Authorization: `Bearer ${key}` })).build();

  it('is answered as it expects, and told of errors', async () => {
    const nest = client();
    const send = (operation: string, question: object, key?: string) =>
      firstValueFrom(nest.send(`signoff.rpc.billing.${operation}`, record(question, key)));
    try {
      const { data } = await send('issue', { accountId: 'nest' });
      expect(await send('introspect', { token: data.accessToken })).toMatchObject({ active: true });
      expect(await send('revoke', { accountId: 'nest', token: data.token })).toMatchObject({
        data: { revoked: true },
      });
      await expect(send('revoke', { accountId: 'nest', token: data.token })).rejects.toMatchObject({
        code: 'SESSION_NOT_FOUND',
      });
      await expect(send('introspect', { token: 'x' }, 'wrong')).rejects.toMatchObject({
        code: 'CREDENTIAL_INVALID',
      });
    } finally {
      await nest.close();
    }
  });
});

describe('what is refused on NATS', () => {
  const keys: Record<string, string> = {};
  beforeAll(async () => {
    const make = async (key: object) => (await createKey(api.service, { name: 'k', ...key })).key;
    keys.reader = await make({ kind: 'service', scopes: ['sessions:read'] });
    keys.account = await make({ kind: 'account', accountId: 'ada' });
    keys.session = (await issue(api.service, 'ada')).accessToken;
  });

  it.each([
    ['no key', undefined, 'CREDENTIAL_MISSING'],
    ['a wrong key', 'key_wrong.secret', 'CREDENTIAL_INVALID'],
    ['a key without the scope', 'reader', 'SCOPE_MISSING'],
    ["an account's key", 'account', 'SERVICE_KEY_REQUIRED'],
    ['a session credential', 'session', 'SERVICE_KEY_REQUIRED'],
  ])('with %s', async (_, key, code) => {
    for (const operation of ['introspect', 'issue', 'revoke', 'revoke-all']) {
      const question = { accountId: 'ada', token: 'session_x' };
      const { error } = await ask(operation, question, {}, key === undefined ? '' : (keys[key] ?? key));
      expect([operation, error.code]).toEqual([operation, code]);
    }
  });

  it.each<[string, string, unknown, string[]]>([
    ['nothing in it', 'introspect', {}, ['token']],
    ['what is not JSON', 'introspect', 'not JSON', ['body']],
    ['nothing at all', 'introspect', '', ['body']],
    ['a list', 'introspect', [], ['body']],
    ['too much', 'introspect', { token: 'x'.repeat(70_000) }, ['body']],
    ['too many levels', 'introspect', `{"token":${'['.repeat(2_000) + ']'.repeat(2_000)}}`, ['body']],
    ['an empty account id', 'issue', { accountId: '' }, ['accountId']],
    ['too short a life', 'issue', { accountId: 'ada', expiresInSeconds: 1 }, ['expiresInSeconds']],
    [
      'fields that are not known',
      'issue',
      { accountId: 'ada', ipAddress: 'x', more: 1 },
      ['ipAddress', 'more'],
    ],
    ['no token', 'revoke', { accountId: 'ada' }, ['token']],
    ['a bad account id', 'revoke', { accountId: '..', token: 'x' }, ['accountId']],
    ['a long note', 'revoke-all', { accountId: 'ada', note: 'x'.repeat(501) }, ['note']],
    [
      'what only accounts may ask',
      'revoke-all',
      { accountId: 'ada', includeCurrent: true },
      ['includeCurrent'],
    ],
  ])('with %s, asked for %s', async (_, operation, question, fields) => {
    const { error } = await ask(operation, question);
    expect(error.code).toBe('INPUT_INVALID');
    expect(error.errors.map(({ field }: { field: string }) => field).toSorted()).toEqual(fields);
  });

  it('names nothing that is not there, and ends nothing', async () => {
    const { token } = await issue(api.service, 'mia');
    for (const [accountId, asked] of [
      ['ada', token],
      ['mia', 'session_nothing'],
    ]) {
      expect((await revoke(accountId!, asked!)).error.code).toBe('SESSION_NOT_FOUND');
    }
    expect((await revoke('mia', ' ')).error.code).toBe('SESSION_TOKEN_MISSING');
    expect(await listedBy(api.service, operatorPath('mia'))).toEqual([token]);
  });

  it('is answered to inboxes alone, not where only the API may publish', async () => {
    await ask('issue', { accountId: 'ada' });
    const stream = async () => {
      const answer = await bus.request('$JS.API.STREAM.INFO.SESSIONS', '', { timeout: 10_000 });
      const { created, state } = answer.json<any>();
      return { created, messages: state.messages, last: state.last_seq };
    };
    const head = await world.owner.query('SELECT position::int FROM event_log.head');
    const { position } = head.rows[0];
    const before = await until(stream, ({ last }) => last === position);
    const headers = headersOf({ Authorization: `Bearer ${world.bootstrapKey}` });
    const questions = {
      head: { nonce: 'n' },
      revocations: { after: 0, limit: 1 },
      'sign-off': { instance: 'one', bootId: 'one' },
      introspect: { token: 'x' },
      issue: { accountId: '' },
      revoke: { accountId: 'ada', token: 'x' },
      'revoke-all': { accountId: 'nobody' },
    };
    for (const reply of [
      'sessions.issued.1',
      '$JS.API.STREAM.PURGE.SESSIONS',
      '$JS.API.STREAM.DELETE.SESSIONS',
    ]) {
      for (const [operation, question] of Object.entries(questions)) {
        bus.publish(`signoff.rpc.billing.${operation}`, JSON.stringify(question), { reply, headers });
      }
    }
    // What is asked behind them is answered behind them, whichever process is asked.
    const behind = Array.from({ length: 20 }, (_, i) => [
      ask('introspect', { token: `${i}` }),
      ask('head', { nonce: 'x' }),
    ]);
    await Promise.all(behind.flat());
    expect(await stream()).toEqual(before);
  });

  it('is counted', async () => {
    const text = (await api.as().get('/metrics')).text + (await apis[1]!.as().get('/metrics')).text;
    expect(text).toMatch(/signoff_refusals_total\{code="SERVICE_KEY_REQUIRED"\} \d/);
  });
});

describe('what was asked before the API is stopped', () => {
  it('is answered', async () => {
    const third = await world.startApi();
    for (const one of apis) await one.stop();
    await until(
      () => ask('introspect', { token: 'x' }).catch((error: Error) => error.message),
      (answer) => typeof answer === 'object',
    );
    const asked = Array.from({ length: 50 }, (_, i) => ask('issue', { accountId: `late-${i}` }));
    await bus.flush();
    await third.stop();
    const answers = await Promise.allSettled(asked);
    const issued = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value.data?.token] : []));
    const { rows } = await world.owner.query(
      "SELECT count(*)::int AS issued FROM event_log.event WHERE stream_id LIKE 'account-late-%'",
    );
    expect(issued).toHaveLength(rows[0].issued);
    expect(issued.length).toBeGreaterThan(0);
  });
});
