import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { Caller } from './harness/call.js';
import {
  type HttpService,
  startExpress,
  startFastify,
  startNestOnExpress,
  startNestOnFastify,
} from './harness/http-services.js';
import { issue, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const MAX_STALENESS = 1_000;

let world: World;
let api: Api;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
});
afterAll(() => world.stop());

const nest = (status: number, code: string) => ({ statusCode: status, code, message: expect.any(String) });
const problem = (status: number, code: string) => ({
  type: 'about:blank',
  title: status === 401 ? 'Unauthorized' : 'Service Unavailable',
  status,
  code,
  detail: expect.any(String),
});

describe.each([
  { framework: 'Express', start: startExpress, body: problem, type: 'application/problem+json' },
  { framework: 'Fastify', start: startFastify, body: problem, type: 'application/problem+json' },
  { framework: 'NestJS on Express', start: startNestOnExpress, body: nest, type: 'application/json' },
  { framework: 'NestJS on Fastify', start: startNestOnFastify, body: nest, type: 'application/json' },
])('a service on $framework', ({ framework, start, body, type }) => {
  let service: HttpService;
  const ask = (credential?: string, path = '/account') => new Caller(service.url, credential).get(path);

  beforeAll(async () => {
    service = await start({
      nats: { servers: world.nats.url },
      service: 'billing',
      jwks: `${api.url}/.well-known/jwks.json`,
      maxStaleness: MAX_STALENESS,
    });
  });
  afterAll(() => service.stop());

  it('knows whose request it is', async () => {
    const { token, accessToken } = await issue(api.service, 'ada');
    const answer = await ask(accessToken);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ sessionId: token, accountId: 'ada' });
  });

  it('asks whoever has no credential for one, and tells of no error', async () => {
    for (const answer of [
      await ask(),
      await new Caller(service.url).get('/account', { authorization: 'Basic YWRhOmFkYQ==' }),
    ]) {
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="signoff"');
      expect(answer.headers['content-type']).toMatch(type);
      expect(answer.body).toEqual(body(401, 'CREDENTIAL_MISSING'));
    }
    expect((await ask(undefined, '/health')).status).toBe(200);
  });

  it('refuses a credential that Signoff has not signed', async () => {
    const [ada, eve] = [await issue(api.service, 'ada'), await issue(api.service, 'eve')];
    const signature = eve.accessToken.split('.').at(-1);
    const forged = [...ada.accessToken.split('.').slice(0, 2), signature].join('.');
    const answer = await ask(forged);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="signoff", error="invalid_token"');
    expect(answer.body).toEqual(body(401, 'SIGNATURE_INVALID'));
  });

  it('refuses a session as soon as its end is said to be in effect', async () => {
    const { token, accessToken } = await issue(api.service, 'ada');
    expect((await ask(accessToken)).status).toBe(200);
    const headers = { prefer: 'wait=5' };
    const ended = await api.service.delete(`${operatorPath('ada')}/${token}`, { headers });
    expect(ended.body.effect).toMatchObject({ inEffect: true, services: [{ service: 'billing' }] });
    const answer = await ask(accessToken);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="signoff", error="invalid_token"');
    expect(answer.body).toEqual(body(401, 'SESSION_REVOKED'));
  });

  it('asks for patience while a revocation may be missing', async () => {
    const { accessToken } = await issue(api.service, 'ada');
    world.nats.freeze();
    try {
      const answer = await until(
        () => ask(accessToken),
        ({ status }) => status !== 200,
      );
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.headers['www-authenticate']).toBeUndefined();
      expect(answer.body).toEqual(body(503, 'REVOCATIONS_STALE'));
    } finally {
      world.nats.thaw();
    }
    await service.revocations.ready();
    expect((await ask(accessToken)).status).toBe(200);
  });

  if (framework === 'Fastify') {
    it('is asked for a credential in the scopes within as well', async () => {
      const { accessToken } = await issue(api.service, 'ada');
      expect((await ask(undefined, '/deeper/account')).status).toBe(401);
      expect((await ask(accessToken, '/deeper/account')).body).toMatchObject({ accountId: 'ada' });
    });
  }

  it('is not left to itself by its stop', async () => {
    await service.stop();
    await expect(service.revocations.ready()).rejects.toMatchObject({ code: 'REVOCATIONS_CLOSED' });
  });
});
