import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { expectNothingRecorded } from './harness/recorded.js';
import { createKey, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const LIMIT = 5;
const TIMES = Array.from({ length: LIMIT });

describe(`a limit of ${LIMIT} requests a minute, for what is asked on NATS`, () => {
  let world: World;
  let api: Api;
  let bus: NatsConnection;
  let keys: string[];
  let callers = 0;
  /** What a process answers whose limit is 0. */
  const withoutLimit: unknown[] = [];

  beforeAll(async () => {
    world = await World.create();
    const unlimited = await world.startApi({ RATE_LIMIT_PER_MINUTE: '0' });
    const scopes = ['sessions:issue', 'sessions:introspect', 'sessions:read', 'sessions:revoke'];
    const created = TIMES.map((_, i) =>
      createKey(unlimited.service, { kind: 'service', name: `key ${i}`, scopes }),
    );
    keys = (await Promise.all(created)).map(({ key }) => key);
    bus = await connect({ servers: world.nats.url });
    for (const _ of TIMES.concat(TIMES)) {
      withoutLimit.push(await ask('introspect', { token: 'x' }, keys[0]!, 'unlimited'));
    }
    await unlimited.stop();
    api = await world.startApi({ RATE_LIMIT_PER_MINUTE: String(LIMIT) });
  });
  afterAll(async () => {
    await bus.close();
    await world.stop();
  });

  async function ask(operation: string, question: object, key: string, caller = `caller-${++callers}`) {
    const headers = natsHeaders();
    headers.set('Authorization', `Bearer ${key}`);
    const answer = await bus.request(`signoff.rpc.${caller}.${operation}`, JSON.stringify(question), {
      timeout: 10_000,
      headers,
    });
    return answer.json<any>();
  }

  const refusedOf = (whom: string) => ({
    error: {
      code: 'RATE_LIMITED',
      message: `too many requests of this ${whom}`,
      retryAfter: expect.any(Number),
    },
  });

  it('holds for a credential, whoever asks with it and whatever for, and over HTTP as well', async () => {
    const [key] = keys as [string];
    for (const operation of ['introspect', 'introspect', 'introspect']) {
      expect(await ask(operation, { token: 'x' }, key)).toEqual({ active: false });
    }
    const overHttp = await api.as(key).get(operatorPath('ada'));
    expect(overHttp.headers.ratelimit).toMatch(/"credential";r=1;/);
    expect((await ask('revoke-all', { accountId: 'ada' }, key)).data.revoked).toBe(0);
    for (const operation of ['introspect', 'issue', 'revoke', 'revoke-all']) {
      const { error } = await ask(operation, { accountId: 'ada' }, key);
      expect([operation, { error }]).toEqual([operation, refusedOf('credential')]);
      expect(error.retryAfter).toBeGreaterThan(0);
      expect(error.retryAfter).toBeLessThanOrEqual(60);
    }
    const refused = await api.as(key).get(operatorPath('ada'));
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(await ask('introspect', { token: 'x' }, keys[1]!)).toEqual({ active: false });
  });

  it('holds for a caller, with whatever credential it asks', async () => {
    for (const [i] of TIMES.entries()) {
      const { error } = await ask('introspect', { token: 'x' }, `key_${i}.wrong`, 'guesser');
      expect(error.code).toBe('CREDENTIAL_INVALID');
    }
    expect(await ask('introspect', { token: 'x' }, keys[2]!, 'guesser')).toEqual(refusedOf('caller'));
    expect(await ask('introspect', { token: 'x' }, keys[2]!, 'another')).toEqual({ active: false });
  });

  it('leaves nothing of a command that is refused by it', async () => {
    const [, , , key] = keys as [string, string, string, string];
    for (const _ of TIMES) await ask('introspect', { token: 'x' }, key);
    await expectNothingRecorded(world.owner, async () => {
      expect(await ask('issue', { accountId: 'grace' }, key)).toEqual(refusedOf('credential'));
    });
  });

  it('is not there when it is set to 0', () => {
    expect(withoutLimit).toEqual(TIMES.concat(TIMES).map(() => ({ active: false })));
  });

  it('does not hold for the head, which every instance of a service asks for each second', async () => {
    for (const _ of TIMES.concat(TIMES)) {
      const answer = await bus.request('signoff.rpc.follower.head', '{"nonce":"n"}', { timeout: 10_000 });
      expect(answer.json()).toMatchObject({ nonce: 'n' });
    }
  });
});
