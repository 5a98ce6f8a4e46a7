import { connect, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { DescribedBus, readAsyncApi } from '../harness/asyncapi.js';
import { until } from '../harness/until.js';
import { BusListener } from './harness/bus-listener.js';
import { allHeaders, tapBus } from './harness/bus-tap.js';
import { logPosition } from './harness/recorded.js';
import { aDeadLetterIsReplayed } from './harness/dead-letter.js';
import { createKey, dataOf, issue } from './harness/sessions.js';
import { endedSessions, Subscribers } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const UNUSUAL = 'ada/ä@example.org';

const document = readAsyncApi();
let world: World;
let api: Api;
let other: Api;
let bus: NatsConnection;
let tap: Awaited<ReturnType<typeof tapBus>>;
const heard = new DescribedBus(document);

beforeAll(async () => {
  world = await World.create();
  tap = await tapBus(world.nats.url, heard);
  api = await world.startApi({ SESSIONS_PER_ACCOUNT: '3', ISSUER: 'https://id.example.org/ä' });
  [other] = await Promise.all([world.startApi(), world.startProjector()]);
  bus = await connect({ servers: world.nats.url });
});
afterAll(async () => {
  await bus.close();
  await tap.stop();
  await world.stop();
});

async function ask(operation: string, question: object, fields: Readonly<Record<string, string>> = {}) {
  const headers = natsHeaders();
  headers.set('Authorization', `Bearer ${world.bootstrapKey}`);
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  const subject = `signoff.rpc.login.${operation}`;
  return (await bus.request(subject, JSON.stringify(question), { timeout: 10_000, headers })).json<any>();
}

/** What each kind of asker does, so that everything is said that there is to say. */
async function everythingOverHttp() {
  const { service } = api;
  const traced = { headers: { traceparent: TRACEPARENT } };
  const { token, accessToken } = await issue(service, UNUSUAL, {
    ipAddress: '203.0.113.9',
    userAgent: 'curl',
  });
  dataOf(
    await service.send('PATCH', `/api/sessions/${token}`, {
      ...traced,
      body: { expiresInSeconds: 7_000_000 },
    }),
  );
  dataOf(await service.post(`/api/sessions/${token}/activity`, undefined), 202);
  const account = api.as(accessToken);
  for (let i = 0; i < 3; i++) await issue(service, UNUSUAL);
  const { accessToken: last } = await issue(service, UNUSUAL);
  dataOf(await api.as(last).delete('/api/account/sessions', traced));
  dataOf(await api.as(last).delete('/api/account/sessions?includeCurrent=true'));
  expect((await account.get('/api/account/sessions')).status).toBe(401);
  const own = await issue(service, 'eve');
  dataOf(await api.as(own.accessToken).delete(`/api/account/sessions/${own.token}`));
  dataOf(await service.get(`/api/audit/sessions/${token}`));
  dataOf(await service.delete(`/api/accounts/${encodeURIComponent(UNUSUAL)}/personal-data`));
  dataOf(await service.post('/api/audit/checkpoints', undefined), 201);
  await endedSessions(other, 2);
  const keys = [
    await createKey(service, { kind: 'service', name: 'login', scopes: ['sessions:issue', 'keys:write'] }),
    await createKey(service, {
      kind: 'account',
      name: 'cli',
      accountId: UNUSUAL,
      expiresAt: '2037-01-01T00:00:00Z',
    }),
  ];
  for (const { id } of keys.toReversed()) dataOf(await api.as(keys[0]!.key).delete(`/api/keys/${id}`));
}

async function everythingOverNats() {
  const subscribers = new Subscribers(world);
  await subscribers.start({ instance: 'billing-1' }).ready();
  await subscribers.start({ service: 'mail', instance: 'mail-1', policy: 'allow' }).ready();
  const { data } = await ask('issue', { accountId: 'zoe', expiresInSeconds: 600, userAgent: 'curl' });
  await ask('issue', { accountId: 'zoe' }, { 'Idempotency-Key': 'one', traceparent: TRACEPARENT });
  await ask('introspect', { token: data.accessToken });
  await ask('introspect', { token: 'none' });
  const { token } = data;
  await ask('revoke', { accountId: 'zoe', token, note: 'stolen' }, { Prefer: 'wait=5' });
  await ask('revoke', { accountId: 'zoe', token });
  await ask('revoke-all', { accountId: 'zoe' });
  await ask('revoke-all', { accountId: 'zoe' }, { 'Idempotency-Key': 'not one word' });
  for (const [operation, question] of [
    ['head', { nonce: 'mine' }],
    ['revocations', { after: 0, limit: 1 }],
  ] as const) {
    await bus.request(`signoff.rpc.login.${operation}`, JSON.stringify(question));
  }
  await subscribers.stop();
  await aDeadLetterIsReplayed(world.nats.url, { servers: world.nats.url });
}

describe('what is said on the bus', () => {
  beforeAll(async () => {
    await everythingOverHttp();
    await everythingOverNats();
  });

  it('in the stream is as docs/asyncapi.yaml says, body and headers, and every event type was there', async () => {
    const described = new DescribedBus(document);
    const listener = await BusListener.start(world.nats.url, 'sessions.>');
    const messages = await listener.reached(await logPosition(world.owner));
    const problems = messages.map((message) =>
      described.problemIn(
        described.channelOf(message.subject)!,
        message.string(),
        allHeaders(message.headers),
      ),
    );
    expect(problems.filter((problem) => problem !== null)).toEqual([]);
    expect([...described.seen].toSorted()).toEqual(Object.keys(EVENT_TYPES).toSorted());
    const traced = messages.filter(({ headers }) => headers?.get('traceparent'));
    expect(traced.length).toBeGreaterThan(1);
    await listener.stop();
  });

  it('beside it, and in answer to questions, is as well; and nothing is described that was never said', async () => {
    const missing = () => Object.keys(document.components.messages).filter((name) => !heard.seen.has(name));
    await until(missing, ({ length }) => length === 0 || tap.problems.length > 0);
    expect(tap.problems).toEqual([]);
  });
});
