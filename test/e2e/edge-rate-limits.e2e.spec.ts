import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer } from './harness/call.js';
import { expectNothingRecorded } from './harness/recorded.js';
import { createKey } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const LIMIT = 5;
const OWN = '/api/account/sessions';

describe(`a limit of ${LIMIT} requests a minute`, () => {
  let world: World;
  let api: Api;
  let unlimited: Api;
  let keys: string[];
  let addresses = 0;

  beforeAll(async () => {
    world = await World.create();
    const limited = { RATE_LIMIT_PER_MINUTE: String(LIMIT), TRUSTED_PROXIES: '127.0.0.1' };
    [api, unlimited] = await Promise.all([
      world.startApi(limited),
      world.startApi({ RATE_LIMIT_PER_MINUTE: '0' }),
    ]);
    const created = Array.from({ length: 4 }, (_, i) =>
      createKey(unlimited.service, { kind: 'account', accountId: 'ada', name: `key ${i}` }),
    );
    keys = (await Promise.all(created)).map(({ key }) => key);
  });
  afterAll(() => world.stop());

  const newAddress = () => `203.0.113.${++addresses}`;
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const times = async (count: number, ask: () => Promise<Answer>) => {
    const statuses = [];
    for (let i = 0; i < count; i++) statuses.push((await ask()).status);
    return statuses;
  };
  const ok = Array.from({ length: LIMIT }, () => 200);

  it('says in each answer what is left of it', async () => {
    const address = newAddress();
    const { headers } = await api.as(keys[0]).get(OWN, from(address));
    expect(headers['ratelimit-policy']).toBe('"address";q=5;w=60, "credential";q=5;w=60');
    expect(headers.ratelimit).toMatch(/^"address";r=4;t=\d+, "credential";r=4;t=\d+$/);
    const other = await api.as(keys[0]).get(OWN, from(newAddress()));
    expect(other.headers.ratelimit).toMatch(/^"address";r=4;t=\d+, "credential";r=3;t=\d+$/);
    const nobody = await api.as().get(OWN, from(address));
    expect(nobody.headers['ratelimit-policy']).toBe('"address";q=5;w=60');
    expect(nobody.headers.ratelimit).toMatch(/^"address";r=3;t=\d+$/);
  });

  it('holds for a credential, wherever it is used and however its header is written', async () => {
    const spelled = [`Bearer ${keys[1]}`, `bearer ${keys[1]}`, `Bearer    ${keys[1]}`];
    let i = 0;
    const ask = () =>
      api.as().get(OWN, { ...from(newAddress()), authorization: spelled[i++ % spelled.length]! });
    expect(await times(LIMIT, ask)).toEqual(ok);

    const { status, headers, body } = await ask();
    expect({ status, body }).toEqual({
      status: 429,
      body: {
        type: 'about:blank',
        title: 'Too Many Requests',
        status: 429,
        code: 'RATE_LIMITED',
        detail: 'too many requests of this credential',
      },
    });
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(headers.ratelimit).toMatch(/"credential";r=0;t=\d+$/);
    const retryAfter = Number(headers['retry-after']);
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect((await api.as(keys[2]).get(OWN, from(newAddress()))).status).toBe(200);
  });

  it('holds for an address, whatever is asked of it with whatever credential', async () => {
    const address = newAddress();
    const asked = [
      await api.as('nothing-1').get(OWN, from(address)),
      await api.as(keys[2]).get('/no/such/path', from(address)),
      await api.as().get('/.well-known/jwks.json', from(address)),
      await api.as('nothing-2').send('PUT', OWN, { headers: from(address) }),
      await api.as(keys[2]).get(OWN, from(address)),
    ];
    expect(asked.map(({ status }) => status)).toEqual([401, 404, 200, 405, 200]);
    const refused = await api.as(keys[2]).get(OWN, from(address));
    expect(refused.status).toBe(429);
    expect(refused.body.detail).toBe('too many requests of this address');
    expect(refused.headers.ratelimit).toMatch(/^"address";r=0;t=\d+$/);
  });

  it('holds for paths that cannot be read as well', async () => {
    const address = newAddress();
    const unreadable = () => api.as().get('/api/accounts/%zz/sessions', from(address));
    expect((await unreadable()).headers.ratelimit).toMatch(/^"address";r=4;t=\d+$/);
    expect(await times(LIMIT - 1, unreadable)).toEqual([400, 400, 400, 400]);
    expect(await unreadable()).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect((await api.as(keys[2]).get(OWN, from(address))).status).toBe(429);
  });

  it.each([
    ['an IPv4 address written as IPv6', ['198.51.100.1', '::ffff:198.51.100.1', '::FFFF:c633:6401']],
    ['an address with a port', ['198.51.100.2', '198.51.100.2:50000', '198.51.100.2:50001']],
    ['the addresses of an IPv6 network', ['2001:db8:0:1::1', '2001:DB8:0:1:ffff::', '[2001:db8:0:1::2]:443']],
  ])('takes %s for one', async (_what, spelled) => {
    let i = 0;
    const ask = () => api.as().get('/.well-known/jwks.json', from(spelled[i++ % spelled.length]!));
    expect(await times(LIMIT + 1, ask)).toEqual([...ok, 429]);
  });

  it('does not hold for health, and for metrics and keys only by address', async () => {
    const address = newAddress();
    const health = () => api.as().get('/health/live', from(address));
    expect(await times(LIMIT * 2, health)).toEqual([...ok, ...ok]);
    const jwks = () => api.as(keys[3]).get('/.well-known/jwks.json', from(newAddress()));
    expect(await times(LIMIT + 1, jwks)).toEqual([...ok, 200]);
    expect((await api.as(keys[3]).get(OWN, from(newAddress()))).status).toBe(200);
  });

  it('leaves nothing of a command that is refused by it, which is carried out when it is sent again', async () => {
    const address = newAddress();
    await times(LIMIT, () => api.as().get('/.well-known/jwks.json', from(address)));
    const issue = { accountId: 'grace' };
    const headers = { ...from(address), 'idempotency-key': 'sign-in-1' };
    await expectNothingRecorded(world.owner, async () => {
      expect((await api.service.post('/api/sessions', issue, headers)).status).toBe(429);
    });
    expect((await unlimited.service.post('/api/sessions', issue, headers)).status).toBe(201);
  });

  it('is not there when it is set to 0', async () => {
    const statuses = await times(LIMIT + 1, () => unlimited.as(keys[3]).get(OWN));
    expect(statuses).toEqual([...ok, 200]);
    const { headers } = await unlimited.as(keys[3]).get(OWN);
    expect(headers.ratelimit).toBeUndefined();
  });

  describe('when no proxy is trusted', () => {
    let exposed: Api;
    beforeAll(async () => {
      exposed = await world.startApi({ RATE_LIMIT_PER_MINUTE: String(LIMIT) });
    });

    it('takes nobody at his word on where he comes from', async () => {
      const ask = () =>
        exposed
          .as()
          .get('/.well-known/jwks.json', { ...from(newAddress()), forwarded: `for=${newAddress()}` });
      expect(await times(LIMIT + 1, ask)).toEqual([...ok, 429]);
    });
  });

  describe('when another proxy is trusted', () => {
    let behind: Api;
    beforeAll(async () => {
      const TRUSTED_PROXIES = '127.0.0.1, 10.0.0.0/8, 2001:db8:10::/48';
      behind = await world.startApi({ RATE_LIMIT_PER_MINUTE: String(LIMIT), TRUSTED_PROXIES });
    });

    it('goes by the last address that no trusted proxy has', async () => {
      const chains = [
        '192.0.2.9',
        '1.1.1.1, 192.0.2.9',
        '2.2.2.2, 192.0.2.9, 10.1.2.3',
        'made up, 192.0.2.9, ::ffff:10.1.2.3, 2001:db8:10::1',
      ];
      let i = 0;
      const ask = () => behind.as().get('/.well-known/jwks.json', from(chains[i++ % chains.length]!));
      expect(await times(LIMIT + 1, ask)).toEqual([...ok, 429]);
    });

    it('goes by the proxy itself when that passes on what is no address', async () => {
      const chains = ['unknown, 10.9.9.9', '1.1.1.1, nonsense, 10.9.9.9', '10.9.9.9'];
      let i = 0;
      const ask = () => behind.as().get('/.well-known/jwks.json', from(chains[i++ % chains.length]!));
      expect(await times(LIMIT + 1, ask)).toEqual([...ok, 429]);
    });
  });
});
