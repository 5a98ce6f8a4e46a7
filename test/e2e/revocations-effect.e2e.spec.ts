import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { untilWaitingForLock } from '../harness/lock-waits.js';
import { DROP, type NatsProxy, PASS, startNatsProxy } from '../harness/nats-proxy.js';
import { until } from '../harness/until.js';
import type { Answer } from './harness/call.js';
import { Scrape } from './harness/metrics.js';
import { expectProblem } from './harness/problem.js';
import { createKey, dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { startSubscriber } from './harness/subscriber-process.js';
import { Subscribers, verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

interface Effect {
  readonly position: number;
  readonly inEffect: boolean;
  readonly services: readonly {
    readonly service: string;
    readonly inEffect: boolean;
    readonly instances: readonly {
      readonly instance: string;
      readonly bootId: string;
      readonly state: string;
      readonly position: number | null;
      readonly behind: { readonly revocations: number; readonly milliseconds: number } | null;
    }[];
  }[];
}

let world: World;
let api: Api;
let proxy: NatsProxy;
let bus: NatsConnection;
let subscribers: Subscribers;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  proxy = await startNatsProxy(world.nats.url);
  bus = await connect({ servers: world.nats.url });
  subscribers = new Subscribers(world);
});
afterEach(async () => {
  proxy.fateOf = () => PASS;
  await subscribers.stop();
});
afterAll(async () => {
  await bus.close();
  await proxy.close();
  await world.stop();
});

/** Neither the stream nor the API tells it of any revocation. */
const dropRevocations = (subject: string) =>
  subject.startsWith('sessions.revoked.') || subject.endsWith('.revocations') ? DROP : PASS;

const positionOf = ({ headers }: Answer) => Number(headers['signoff-position']);

const revokeOf = async (account: string, headers: Record<string, string> = {}) => {
  const { token } = await issue(api.service, account);
  const answer = await api.service.delete(`${operatorPath(account)}/${token}`, { headers });
  dataOf(answer);
  return { token, answer, position: positionOf(answer), effect: answer.body.effect as Effect | undefined };
};

const effectOf = async (position: number, query = '') =>
  dataOf(await api.service.get(`/api/revocations/${position}/effect${query}`)) as Effect;

/** `service/instance` of each, with its state. */
const states = ({ services }: Effect) =>
  services.flatMap(({ service, instances }) =>
    instances.map(({ instance, state }) => `${service}/${instance} ${state}`),
  );

const untilStates = (position: number, expected: readonly string[]) =>
  until(
    async () => states(await effectOf(position)),
    (found) => JSON.stringify(found) === JSON.stringify(expected),
  );

const newestPosition = async () =>
  (await world.owner.query('SELECT position FROM event_log.head')).rows[0].position as number;

// First of all: as long as there is no revocation, who is told of none is ready.
describe('an instance that starts while a session is ended', () => {
  it('accepts nothing that is said to be in effect, though nobody knew of it', async () => {
    const early = subscribers.start({ service: 'panel', instance: 'early' });
    await early.ready();
    let questions = 0;
    bus.subscribe('signoff.rpc.billing.head', { callback: () => void questions++ });
    await bus.flush();
    const blocker = await world.owner.connect();
    try {
      await blocker.query('BEGIN; LOCK TABLE effect.subscriber IN SHARE MODE');
      proxy.fateOf = dropRevocations;
      const late = subscribers.start({ instance: 'late', nats: { servers: proxy.url } });
      await untilWaitingForLock(world.owner);
      const { token, effect } = await revokeOf('ada', { prefer: 'wait=5' });
      expect(effect!.inEffect).toBe(true);
      expect(states(effect!)).toEqual(['panel/early in_effect']);
      await blocker.query('COMMIT');
      const askedBefore = questions;
      const answers = await until(
        () => verdict(late, token),
        (answer) => answer === false || questions > askedBefore + 3,
      );
      expect(answers).toBe('REVOCATIONS_STALE');
      proxy.fateOf = () => PASS;
      await late.ready();
      expect(verdict(late, token)).toBe(true);
    } finally {
      blocker.release();
    }
  });
});

describe('the answer that a session was ended', () => {
  it('names the position of its event', async () => {
    const { position } = await revokeOf('ada');
    expect(position).toBe(await newestPosition());
    const { rows } = await world.owner.query('SELECT type FROM event_log.event WHERE position = $1', [
      position,
    ]);
    expect(rows).toEqual([{ type: 'SessionRevoked' }]);
  });

  it('names that of the last one of all, and of the account where there was nothing to end', async () => {
    const ends = async () => positionOf(await api.service.delete(operatorPath('eve')));
    for (let i = 0; i < 3; i++) await issue(api.service, 'eve');
    const position = await ends();
    expect(position).toBe(await newestPosition());
    await issue(api.service, 'ada');
    expect(await ends()).toBe(position);
    expect(positionOf(await api.service.delete(operatorPath('nobody')))).toBe(0);
  });

  it('names the same again when it is repeated', async () => {
    const key = { 'idempotency-key': 'once' };
    const { token, position } = await revokeOf('ada', key);
    await issue(api.service, 'ada');
    const again = await api.service.delete(`${operatorPath('ada')}/${token}`, { headers: key });
    expect([again.status, positionOf(again)]).toEqual([200, position]);
  });

  it('names it to the account as well', async () => {
    const [current, other] = [await issue(api.service, 'bob'), await issue(api.service, 'bob')];
    const own = api.as(current.accessToken);
    const one = await own.delete(`/api/account/sessions/${other.token}`);
    expect(positionOf(one)).toBe(await newestPosition());
    const all = await own.delete('/api/account/sessions?includeCurrent=true');
    expect(positionOf(all)).toBe(await newestPosition());
    expect(positionOf(all)).toBe(positionOf(one) + 1);
  });
});

describe('where a revocation is in effect', () => {
  it('is told by service and instance, as soon as each has given a receipt', async () => {
    for (const instance of ['one', 'two']) subscribers.start({ instance });
    subscribers.start({ service: 'panel', instance: 'one' });
    const { position } = await revokeOf('ada');
    await untilStates(position, ['billing/one in_effect', 'billing/two in_effect', 'panel/one in_effect']);
    const effect = await effectOf(position);
    expect(effect).toMatchObject({ position, inEffect: true });
    expect(effect.services.map(({ service, inEffect }) => [service, inEffect])).toEqual([
      ['billing', true],
      ['panel', true],
    ]);
    for (const { position: held, behind } of effect.services.flatMap(({ instances }) => instances)) {
      expect(held).toBeGreaterThanOrEqual(position);
      expect(behind).toEqual({ revocations: 0, milliseconds: 0 });
    }
  });

  it('is not known where nobody is registered', async () => {
    const { position } = await revokeOf('ada');
    expect(await effectOf(position)).toEqual({ position, inEffect: false, services: [] });
  });

  it('is not everywhere while a service that was asked for is not there', async () => {
    await subscribers.start({ instance: 'one' }).ready();
    const { position } = await revokeOf('ada', { prefer: 'wait=5' });
    const one = await effectOf(position, '?service=billing');
    expect([one.inEffect, states(one)]).toEqual([true, ['billing/one in_effect']]);
    const both = await effectOf(position, '?service=billing&service=panel');
    expect(both.inEffect).toBe(false);
    expect(both.services).toContainEqual({ service: 'panel', inEffect: false, instances: [] });
  });

  it('is told for a position whose event ends nothing: that of all revocations before it', async () => {
    await subscribers.start({ instance: 'one' }).ready();
    await revokeOf('ada', { prefer: 'wait=5' });
    await issue(api.service, 'ada');
    expect((await effectOf(await newestPosition())).inEffect).toBe(true);
  });

  it('is told by every API process', async () => {
    const other = await world.startApi();
    await subscribers.start({ instance: 'one' }).ready();
    const { position } = await revokeOf('ada');
    await until(
      async () => (await other.service.get(`/api/revocations/${position}/effect`)).body.data as Effect,
      ({ inEffect }) => inEffect,
    );
    await other.stop();
  });

  it.each(['-1', '1.5', 'x', '9007199254740992', '1e3'])('is not asked for position %s', async (position) => {
    const answer = await api.service.get(`/api/revocations/${position}/effect`);
    expectProblem(answer, { status: 400, code: 'INPUT_INVALID', fields: ['position'] });
  });

  it('is not asked for a service that cannot be', async () => {
    const answer = await api.service.get('/api/revocations/1/effect?service=a.b');
    expectProblem(answer, { status: 400, code: 'INPUT_INVALID', fields: ['service'] });
  });

  it('is not known of a position that the log has not come to', async () => {
    const answer = await api.service.get(`/api/revocations/${(await newestPosition()) + 1}/effect`);
    expectProblem(answer, { status: 404, code: 'POSITION_NOT_FOUND' });
  });

  it('is told to services that may read sessions', async () => {
    const key = async (scopes: string[]) =>
      (await createKey(api.service, { kind: 'service', name: 'reader', scopes })).key;
    const ask = async (credential?: string) => api.as(credential).get('/api/revocations/1/effect');
    expect((await ask(await key(['sessions:read']))).status).toBe(200);
    expect((await ask(await key(['sessions:revoke']))).body.code).toBe('SCOPE_MISSING');
    expect((await ask((await issue(api.service, 'ada')).accessToken)).body.code).toBe('SERVICE_KEY_REQUIRED');
    expect((await ask()).body.code).toBe('CREDENTIAL_MISSING');
  });
});

describe('an instance', () => {
  it('that is registered and holds nothing yet is waited for', async () => {
    proxy.fateOf = dropRevocations;
    subscribers.start({ instance: 'deaf', nats: { servers: proxy.url } });
    const { position } = await revokeOf('ada');
    await untilStates(position, ['billing/deaf not_in_effect']);
    const { effect } = await revokeOf('ada', { prefer: 'wait=1' });
    expect(effect!.inEffect).toBe(false);
    proxy.fateOf = () => PASS;
    await untilStates(effect!.position, ['billing/deaf in_effect']);
  });

  it('that has no consumer is waited for until it holds the revocation all the same', async () => {
    const isConsumer = (subject: string) => subject.startsWith('$JS.API.CONSUMER.');
    proxy.fateOf = (subject) => (isConsumer(subject) || subject.endsWith('.revocations') ? DROP : PASS);
    const { position } = await revokeOf('ada');
    subscribers.start({ instance: 'one', nats: { servers: proxy.url } });
    await untilStates(position, ['billing/one not_in_effect']);
    proxy.fateOf = (subject) => (isConsumer(subject) ? DROP : PASS);
    await untilStates(position, ['billing/one in_effect']);
  });

  it('that is behind is told with how many it lacks, and for how long', async () => {
    const revocations = subscribers.start({ instance: 'slow', nats: { servers: proxy.url } });
    await revocations.ready();
    const before = await revokeOf('ada', { prefer: 'wait=5' });
    expect(before.effect!.inEffect).toBe(true);
    proxy.fateOf = dropRevocations;
    let last = before;
    for (let i = 0; i < 3; i++) last = await revokeOf('ada');
    const { services } = await effectOf(last.position);
    const [slow] = services[0]!.instances;
    expect(slow).toMatchObject({ instance: 'slow', state: 'not_in_effect', behind: { revocations: 3 } });
    expect(slow!.position).toBeGreaterThanOrEqual(before.position);
    expect(slow!.position).toBeLessThan(last.position);
    const later = await until(
      async () => (await effectOf(last.position)).services[0]!.instances[0]!.behind!.milliseconds,
      (milliseconds) => milliseconds > slow!.behind!.milliseconds,
    );
    expect(later).toBeLessThan(60_000);
  });

  it('that was started again is another one: what the one before has held counts for nothing', async () => {
    const first = subscribers.start({ instance: 'one' });
    await first.ready();
    const { position } = await revokeOf('ada', { prefer: 'wait=5' });
    proxy.fateOf = dropRevocations;
    subscribers.start({ instance: 'one', nats: { servers: proxy.url } });
    const both = await until(
      () => effectOf(position),
      ({ services }) => services[0]!.instances.length === 2,
    );
    expect(both.inEffect).toBe(false);
    expect(states(both).toSorted()).toEqual(['billing/one in_effect', 'billing/one not_in_effect']);
    await first.close();
    await untilStates(position, ['billing/one not_in_effect']);
    proxy.fateOf = () => PASS;
    await untilStates(position, ['billing/one in_effect']);
  });

  it('that signs off is not waited for any more', async () => {
    const revocations = subscribers.start({ instance: 'one' });
    await revocations.ready();
    const { position } = await revokeOf('ada');
    await untilStates(position, ['billing/one in_effect']);
    await revocations.close();
    expect((await effectOf(position)).services).toEqual([]);
  });

  it('that signs off while a question of its own is open does not register again by that', async () => {
    for (let i = 0; i < 10; i++) {
      const revocations = subscribers.start({ instance: `${i}`, maxStaleness: 500 });
      await revocations.ready();
      const blocker = await world.owner.connect();
      let questions = 0;
      const heard = bus.subscribe('signoff.rpc.billing.head', { callback: () => void questions++ });
      await bus.flush();
      await blocker.query('BEGIN; LOCK TABLE effect.subscriber IN ACCESS EXCLUSIVE MODE');
      await until(
        () => questions,
        (count) => count > 0,
      );
      const closed = revocations.close();
      await blocker.query('COMMIT');
      blocker.release();
      heard.unsubscribe();
      await closed;
    }
    const { rows } = await world.owner.query('SELECT instance FROM effect.subscriber');
    expect(rows).toEqual([]);
  });

  it('that dies is waited for until it can have no lease any more', async () => {
    const subscriber = await startSubscriber(world.nats.url, 2_000);
    const { position: before } = await revokeOf('ada');
    await until(
      () => effectOf(before),
      ({ inEffect }) => inEffect,
    );
    await subscriber.kill();
    const { effect } = await revokeOf('ada', { prefer: 'wait=0' });
    expect(effect!.services[0]!.instances.map(({ state }) => state)).toEqual(['not_in_effect']);
    const then = await until(
      () => effectOf(effect!.position),
      ({ inEffect }) => inEffect,
    );
    expect(then.services[0]!.instances.map(({ state }) => state)).toEqual(['refusing']);
    await world.owner.query('DELETE FROM effect.subscriber');
  });

  it('that accepts what it does not know when it is stale is never said to refuse', async () => {
    const allow = { maxStaleness: 500, policy: 'allow' as const };
    const one = subscribers.start({ instance: 'one', nats: { servers: proxy.url }, ...allow });
    await one.ready();
    proxy.fateOf = () => DROP;
    const { position } = await revokeOf('ada');
    await until(
      async () => {
        const { rows } = await world.owner.query(
          'SELECT leased_until < clock_timestamp() AS over FROM effect.subscriber',
        );
        return rows[0].over as boolean;
      },
      (over) => over,
    );
    expect(states(await effectOf(position))).toEqual(['billing/one not_in_effect']);
    await subscribers.stop();
    await world.owner.query('DELETE FROM effect.subscriber');
  });

  it('whose registration was lost, by a log that was put back, registers again', async () => {
    await subscribers.start({ instance: 'one' }).ready();
    const { position } = await revokeOf('ada', { prefer: 'wait=5' });
    await world.owner.query('DELETE FROM effect.subscriber');
    await untilStates(position, ['billing/one in_effect']);
  });
});

describe('a receipt', () => {
  const subscriber = { instance: 'one', bootId: 'boot', maxStaleness: 5_000, policy: 'refuse' };
  const register = async (nonce = 'n') =>
    (
      await bus.request('signoff.rpc.raw.head', JSON.stringify({ nonce, subscriber }), { timeout: 5_000 })
    ).json<{ logId: string; epoch: number; position: number; revocations: number; registered: string }>();

  it('counts only if it is of that start of that instance, of that log, and covers the revocation', async () => {
    const before = await register();
    expect(before.registered).toBe('boot');
    const { position } = await revokeOf('ada');
    const { logId, epoch, revocations } = await register();
    const receipt = { bootId: 'boot', logId, epoch, position, revocations };
    const give = async (body: unknown, subject = 'signoff.receipt.raw.one') => {
      bus.publish(subject, typeof body === 'string' ? body : JSON.stringify(body));
      // Answered on the same connection as it is heard on, and so after it.
      await register();
      return (await effectOf(position, '?service=raw')).inEffect;
    };
    const worthless: [unknown, string?][] = [
      [{ ...receipt, bootId: 'another' }],
      [receipt, 'signoff.receipt.raw.two'],
      [receipt, 'signoff.receipt.other.one'],
      [{ ...receipt, logId: '6f1d3f0a-58c3-4a4b-9c62-3d3b6e3a6f10' }],
      [{ ...receipt, epoch: epoch + 1 }],
      [{ ...receipt, position: position - 1, revocations: revocations - 1 }],
      [{ ...receipt, revocations: undefined }],
      [{ ...receipt, revocations: String(revocations) }],
      ['not JSON'],
      [{ ...receipt, padding: 'x'.repeat(2_000) }],
      [{ bootId: 'boot' }],
    ];
    for (const [body, subject] of worthless) expect([body, await give(body, subject)]).toEqual([body, false]);
    expect(await give(receipt)).toBe(true);
    const signOff = JSON.stringify({ instance: 'one', bootId: 'boot' });
    await bus.request('signoff.rpc.other.sign-off', signOff, { timeout: 5_000 });
    expect(states(await effectOf(position))).toEqual(['raw/one in_effect']);
    await bus.request('signoff.rpc.raw.sign-off', signOff, { timeout: 5_000 });
    expect(states(await effectOf(position))).toEqual([]);
  });

  it.each([
    ['instance', { instance: 'a.b' }],
    ['bootId', { bootId: '' }],
    ['maxStaleness', { maxStaleness: 1 }],
    ['policy', { policy: 'perhaps' }],
  ])('cannot be given by whoever registers with a bad %s', async (field, bad) => {
    const question = JSON.stringify({ nonce: 'n', subscriber: { ...subscriber, ...bad } });
    const { error } = (await bus.request('signoff.rpc.raw.head', question, { timeout: 5_000 })).json<any>();
    expect([error.code, error.errors[0].field]).toEqual(['INPUT_INVALID', `subscriber.${field}`]);
  });
});

describe('a request that prefers to wait', () => {
  it('is answered when it is in effect everywhere, and told so', async () => {
    await Promise.all(['one', 'two'].map((instance) => subscribers.start({ instance }).ready()));
    const { answer, position, effect } = await revokeOf('ada', { prefer: 'wait=10' });
    expect(answer.headers['preference-applied']).toBe('wait=10');
    expect(effect).toMatchObject({ position, inEffect: true });
    expect(states(effect!)).toEqual(['billing/one in_effect', 'billing/two in_effect']);
  });

  it('waits as long as it says for an instance that does not hear, and names it', async () => {
    const deaf = subscribers.start({ instance: 'deaf', nats: { servers: proxy.url } });
    await Promise.all([subscribers.start({ instance: 'one' }).ready(), deaf.ready()]);
    proxy.fateOf = dropRevocations;
    const askedAt = performance.now();
    const { answer, effect } = await revokeOf('ada', { prefer: 'wait=1' });
    expect(performance.now() - askedAt).toBeGreaterThanOrEqual(1_000);
    expect(answer.headers['preference-applied']).toBe('wait=1');
    expect(effect!.inEffect).toBe(false);
    expect(states(effect!)).toEqual(['billing/deaf not_in_effect', 'billing/one in_effect']);
  });

  it('is told of no instances when it is an account that asks', async () => {
    await subscribers.start({ instance: 'one' }).ready();
    const [current, other] = [await issue(api.service, 'zoe'), await issue(api.service, 'zoe')];
    const own = api.as(current.accessToken);
    const headers = { prefer: 'respond-async, wait=5' };
    const one = await own.delete(`/api/account/sessions/${other.token}`, { headers });
    expect(one.body.effect).toEqual({
      position: positionOf(one),
      inEffect: true,
      services: [{ service: 'billing', inEffect: true }],
    });
    const all = await own.delete('/api/account/sessions?includeCurrent=true', { headers });
    expect(all.body).toMatchObject({ data: { revoked: 1 }, effect: { inEffect: true } });
  });

  it('waits for ten seconds at most', async () => {
    await subscribers.start({ instance: 'one' }).ready();
    const { answer } = await revokeOf('ada', { prefer: 'wait=3600' });
    expect(answer.headers['preference-applied']).toBe('wait=10');
  });

  it.each(['wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon', 'waits=2', 'return=minimal'])(
    'with %s, which says nothing, is answered at once',
    async (prefer) => {
      const { answer, effect } = await revokeOf('ada', { prefer });
      expect([effect, answer.headers['preference-applied']]).toEqual([undefined, undefined]);
    },
  );

  it('does not wait where nobody is registered', async () => {
    const { effect, position } = await revokeOf('ada', { prefer: 'wait=10' });
    expect(effect).toEqual({ position, inEffect: false, services: [] });
  });

  it('is answered when the API is stopped meanwhile', async () => {
    const other = await world.startApi();
    const deaf = subscribers.start({ instance: 'deaf', nats: { servers: proxy.url } });
    await deaf.ready();
    proxy.fateOf = dropRevocations;
    const { token } = await issue(api.service, 'ada');
    const answer = other.service.delete(`${operatorPath('ada')}/${token}`, {
      headers: { prefer: 'wait=10' },
    });
    await until(
      () => listedBy(api.service, `${operatorPath('ada')}?limit=100`),
      (listed) => !listed.includes(token),
    );
    const askedAt = performance.now();
    await other.stop();
    expect((await answer).body).toMatchObject({ data: { revoked: true }, effect: { inEffect: false } });
    expect(performance.now() - askedAt).toBeLessThan(9_000);
  });
});

describe('the metrics', () => {
  it('count how long revocations take to be in effect at each service', async () => {
    await subscribers.start({ service: 'panel', instance: 'one' }).ready();
    const count = async () =>
      (await Scrape.of(api.as())).value('signoff_revocation_in_effect_seconds_count', { service: 'panel' });
    const before = await count();
    await until(
      async () => (await revokeOf('ada', { prefer: 'wait=5' }), count()),
      (counted) => counted > before,
    );
  });
});
