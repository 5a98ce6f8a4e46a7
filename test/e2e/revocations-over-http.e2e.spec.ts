import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { type EventSource, openEvents } from './harness/event-source.js';
import { expectProblem } from './harness/problem.js';
import { createKey, issue } from './harness/sessions.js';
import { end, endedSessions } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

interface Page {
  readonly data: readonly {
    revocation: number;
    position: number;
    token: string;
    credentialsExpireAt: string;
  }[];
  readonly head: { epoch: number; revocations: number; revocationsFloor: number; position: number };
}

let world: World;
let apis: Api[];
let api: Api;
let key: { id: string; key: string };
let open: EventSource[] = [];
const ended: string[] = [];

beforeAll(async () => {
  world = await World.create();
  apis = [await world.startApi(), await world.startApi()];
  api = apis[0]!;
  key = await createKey(api.service, { kind: 'service', name: 'billing', scopes: ['sessions:introspect'] });
  ended.push(...(await endedSessions(api, 5)));
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
afterAll(() => world.stop());

const pageOf = async (query = '', headers: Record<string, string> = {}) => {
  const answer = await api.as(key.key).get(`/api/revocations${query}`, headers);
  return { ...(answer.body as Page), answer };
};

const more = async (count = 1, from: Api = api) => {
  const tokens = await endedSessions(from, count);
  ended.push(...tokens);
  return tokens;
};

const events = async (headers: Record<string, string> = {}, path = '/api/revocations', from: Api = api) => {
  const source = await openEvents(from.url + path, { authorization: `Bearer ${key.key}`, ...headers });
  open.push(source);
  return source;
};

const has = (source: EventSource, count: number) =>
  until(
    () => source.revoked.length,
    (length) => length >= count,
  );

describe('a page of revocations', () => {
  it('has them in order and without a gap, and the head that they were read with', async () => {
    const { data, head, answer } = await pageOf('?after=0');
    expect(answer.status).toBe(200);
    expect(data.map(({ revocation, token }) => [revocation, token])).toEqual(
      ended.map((token, i) => [i + 1, token]),
    );
    expect(head).toEqual({
      logId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      epoch: 1,
      position: data.at(-1)!.position,
      revocations: ended.length,
      revocationsFloor: 0,
      time: expect.any(String),
    });
    expect(Object.keys(data[0]!).toSorted()).toEqual([
      'credentialsExpireAt',
      'position',
      'revocation',
      'token',
    ]);
  });

  it('goes on behind a number, as far as its limit', async () => {
    const { data, head } = await pageOf('?after=1&limit=2');
    expect(data.map(({ revocation }) => revocation)).toEqual([2, 3]);
    expect(head.revocations).toBe(ended.length);
    expect((await pageOf(`?after=${ended.length}`)).data).toEqual([]);
  });

  it('begins behind the floor where nothing else is said', async () => {
    await world.owner.query('UPDATE event_log.head SET revocations_floor = 2');
    expect((await pageOf()).data[0]!.revocation).toBe(3);
    expect((await pageOf('?after=0')).data[0]!.revocation).toBe(1);
    await world.owner.query('UPDATE event_log.head SET revocations_floor = 0');
  });

  it.each([
    ['?after=-1', 'after'],
    ['?after=x', 'after'],
    ['?after=1&after=2', 'after'],
    ['?limit=0', 'limit'],
    ['?limit=5001', 'limit'],
  ])('is not given for %s', async (query, field) => {
    const { answer } = await pageOf(query);
    expectProblem(answer, { status: 400, code: 'INPUT_INVALID', fields: [field] });
  });

  it('is given to services that may introspect', async () => {
    const reader = await createKey(api.service, { kind: 'service', name: 'r', scopes: ['sessions:read'] });
    expect((await api.as(reader.key).get('/api/revocations')).body.code).toBe('SCOPE_MISSING');
    const { accessToken } = await issue(api.service, 'ada');
    expect((await api.as(accessToken).get('/api/revocations')).body.code).toBe('SERVICE_KEY_REQUIRED');
    expect((await api.as().get('/api/revocations')).body.code).toBe('CREDENTIAL_MISSING');
  });
});

describe('a page that is waited for', () => {
  it.each([0, 1])('comes with the next revocation, made by process %s', async (process) => {
    const waiting = pageOf(`?after=${ended.length}`, { prefer: 'wait=30' });
    const [token] = await more(1, apis[process]);
    const { data, answer } = await waiting;
    expect(data.map((one) => one.token)).toEqual([token]);
    expect(answer.headers['preference-applied']).toBe('wait=30');
  });

  it('is empty when there is none in that time', async () => {
    const askedAt = performance.now();
    const { data, head } = await pageOf(`?after=${ended.length}`, { prefer: 'wait=1' });
    expect([data, head.revocations]).toEqual([[], ended.length]);
    expect(performance.now() - askedAt).toBeGreaterThanOrEqual(999);
  });

  it('comes at once when there are some, or when the log has not come so far', async () => {
    const headers = { prefer: 'wait=30' };
    expect((await pageOf('?after=0', headers)).data).toHaveLength(ended.length);
    expect((await pageOf(`?after=${ended.length + 1}`, headers)).data).toEqual([]);
  });

  it('waits for half a minute at most', async () => {
    const { answer } = await pageOf('?after=0', { prefer: 'wait=3600' });
    expect(answer.headers['preference-applied']).toBe('wait=30');
  });
});

describe('revocations as server-sent events', () => {
  it('come as they happen, made by whichever process', async () => {
    const source = await events({}, '/api/revocations?after=0');
    expect(source.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(source.headers.get('cache-control')).toBe('no-store');
    await has(source, ended.length);
    for (const one of apis) await more(2, one);
    await has(source, ended.length);
    expect(source.revoked.map(({ revocation, token }) => [revocation, token])).toEqual(
      ended.map((token, i) => [i + 1, token]),
    );
    await until(
      () => source.heads.at(-1)!.revocations as number,
      (revocations) => revocations === ended.length,
    );
  });

  it('tell of the head each second, though nothing happens', async () => {
    const source = await events({}, `/api/revocations?after=${ended.length}`);
    await until(
      () => source.heads.length,
      (heads) => heads >= 3,
    );
    const [first, , third] = source.heads.map(({ time }) => Date.parse(time));
    expect(third! - first!).toBeGreaterThan(1_000);
  });

  it('are complete, once each, for whoever is cut off again and again and goes on behind the last one', async () => {
    const seen: number[] = [];
    const before = ended.length;
    const made = (async () => {
      for (let i = 0; i < 20; i++) await more(5, apis[i % 2]);
    })();
    let lastEventId = `1.${before}`;
    let over = false;
    void made.then(() => (over = true));
    for (let turn = 0; !over || seen.length < 100; turn++) {
      const source = await events(
        { 'last-event-id': lastEventId },
        '/api/revocations?after=1',
        apis[turn % 2],
      );
      await until(
        () => source.revoked.length,
        (length) => length > 0,
      );
      source.close();
      seen.push(...source.revoked.map(({ revocation }) => revocation));
      lastEventId = source.lastEventId;
    }
    await made;
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => before + 1 + i));
  });

  it('begin again behind the floor when the log is another epoch: the numbers of the old one count for nothing', async () => {
    const source = await events({}, `/api/revocations?after=${ended.length}`);
    await until(
      () => source.heads.length,
      (heads) => heads > 0,
    );
    expect(source.revoked).toEqual([]);
    await world.owner.query('UPDATE event_log.head SET epoch = 2');
    await has(source, ended.length);
    const other = await events({ 'last-event-id': `1.${ended.length}` });
    await has(other, ended.length);
    for (const { heads, revoked, lastEventId } of [source, other]) {
      expect(heads.at(-1)!.epoch).toBe(2);
      expect(revoked.map(({ token }) => token)).toEqual(ended);
      expect(lastEventId).toBe(`2.${ended.length}`);
    }
    const same = await events({ 'last-event-id': `2.${ended.length - 1}` });
    await has(same, 1);
    expect(same.revoked.map(({ token }) => token)).toEqual(ended.slice(-1));
    await world.owner.query('UPDATE event_log.head SET epoch = 1');
  });

  it('go on while NATS is away', async () => {
    const source = await events({}, `/api/revocations?after=${ended.length}`);
    await world.nats.stop();
    const [token] = await more();
    await has(source, 1);
    expect(source.revoked[0]!.token).toBe(token);
    await world.nats.start();
  });

  it('end when the key is revoked', async () => {
    const other = await createKey(api.service, {
      kind: 'service',
      name: 'b',
      scopes: ['sessions:introspect'],
    });
    const source = await events({ authorization: `Bearer ${other.key}` });
    await api.service.delete(`/api/keys/${other.id}`);
    await source.ended;
  });

  it('end when the API is stopped', async () => {
    const third = await world.startApi();
    const source = await events({}, '/api/revocations', third);
    await third.stop();
    await source.ended;
  });

  it.each(['1', '1.', 'x.1', '1.2.3', '-1.2'])('are not given behind an event %s', async (id) => {
    const headers = { accept: 'text/event-stream', 'last-event-id': id };
    const { answer } = await pageOf('', headers);
    expectProblem(answer, { status: 400, code: 'INPUT_INVALID', fields: ['Last-Event-ID'] });
  });
});

describe('who asks by HTTP and who asks on NATS', () => {
  it('are told the same', async () => {
    const { token } = await issue(api.service, 'ada');
    await end(api, token);
    ended.push(token);
    expect((await pageOf('?after=0')).data.map((one) => one.token)).toEqual(ended);
  });
});
