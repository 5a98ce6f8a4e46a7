import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { projected } from './harness/projected.js';
import { dataOf, issue, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

interface AnswerHeader {
  readonly required?: boolean;
  readonly schema: { type: string; pattern?: string };
}

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: unknown[];
  readonly parameters?: { name: string; in: string; required: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; headers?: Record<string, AnswerHeader> }>;
}

const OPERATIONS = [
  ['get', '/api/account/sessions', '200', true],
  ['delete', '/api/account/sessions', '200', true],
  ['get', '/api/account/sessions/count', '200', true],
  ['get', '/api/account/sessions/{token}', '200', true],
  ['delete', '/api/account/sessions/{token}', '200', true],
  ['post', '/api/sessions', '201', true],
  ['patch', '/api/sessions/{token}', '200', true],
  ['post', '/api/sessions/{token}/activity', '202', true],
  ['post', '/api/introspect', '200', true],
  ['get', '/api/accounts/{accountId}/sessions', '200', true],
  ['delete', '/api/accounts/{accountId}/sessions', '200', true],
  ['delete', '/api/accounts/{accountId}/sessions/{token}', '200', true],
  ['delete', '/api/accounts/{accountId}/personal-data', '200', true],
  ['get', '/api/account/activity', '200', true],
  ['get', '/api/audit', '200', true],
  ['get', '/api/audit/sessions/{token}', '200', true],
  ['get', '/api/audit/export', '200', true],
  ['get', '/api/revocations', '200', true],
  ['get', '/api/revocations/{position}/effect', '200', true],
  ['post', '/api/keys', '201', true],
  ['get', '/api/keys', '200', true],
  ['delete', '/api/keys/{id}', '200', true],
  ['post', '/api/audit/checkpoints', '201', true],
  ['get', '/api/audit/checkpoints', '200', true],
  ['get', '/api/audit/checkpoints/latest', '200', true],
  ['get', '/health/live', '200', false],
  ['get', '/health/ready', '200', false],
  ['get', '/metrics', '200', false],
  ['get', '/.well-known/jwks.json', '200', false],
  ['get', '/.well-known/signoff-checkpoint-key', '200', false],
] as const;

describe('what a stranger can find out', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    [api] = await Promise.all([world.startApi({ ISSUER: 'https://id.example.org' }), world.startProjector()]);
    await issue(api.service, 'ada');
    await projected(world);
  });
  afterAll(() => world.stop());

  describe('from /openapi.json', () => {
    let document: {
      openapi: string;
      info: object;
      paths: Record<string, Record<string, Operation>>;
      components: object;
    };
    beforeAll(async () => {
      document = (await api.as().get('/openapi.json')).body as typeof document;
    });

    it.each(OPERATIONS)(
      '%s %s answers %s (with a credential: %s)',
      (method, path, status, needsCredential) => {
        const operation = document.paths[path]?.[method];
        expect(operation?.summary).toMatch(/\S/);
        expect(Object.keys(operation!.responses)).toContain(status);
        const problems = needsCredential ? ['4XX', '5XX'] : [];
        expect(Object.keys(operation!.responses)).toEqual(expect.arrayContaining(problems));
        expect(operation!.security).toEqual(needsCredential ? [{ bearer: [] }] : undefined);
        const inPath = operation!.parameters?.filter((one) => one.in === 'path') ?? [];
        expect(inPath.map(({ name, required }) => [name, required])).toEqual(
          [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, true]),
        );
      },
    );

    it('problems are described as such, and what may be left out is not required', () => {
      const { delete: revokeAll } = document.paths['/api/accounts/{accountId}/sessions']!;
      expect(revokeAll!.requestBody).toMatchObject({ required: false });
      expect(revokeAll!.responses['4XX']).toMatchObject({
        content: { 'application/problem+json': { schema: { required: expect.arrayContaining(['code']) } } },
      });
    });

    describe('the headers of an answer', () => {
      const ask = async (method: 'get' | 'delete', path: string, headers: Record<string, string>) => {
        const { token, accessToken } = await issue(api.service, 'eve');
        const caller = path.startsWith('/api/account/') ? api.as(accessToken) : api.service;
        const where = path.replace('{accountId}', 'eve').replace('{token}', token);
        const answer =
          method === 'get' ? await caller.get(where, headers) : await caller.delete(where, { headers });
        expect(answer.status).toBe(200);
        return answer.headers;
      };
      /** What is said by headers of our own, beside what every answer carries. */
      const OWN = ['signoff-position', 'preference-applied'];

      it.each([
        ['get', '/api/account/sessions'],
        ['delete', '/api/account/sessions'],
        ['delete', '/api/account/sessions/{token}'],
        ['get', '/api/accounts/{accountId}/sessions'],
        ['delete', '/api/accounts/{accountId}/sessions'],
        ['delete', '/api/accounts/{accountId}/sessions/{token}'],
        ['get', '/api/revocations'],
      ] as const)('to %s %s are those that come', async (method, path) => {
        const { headers: described = {} } = document.paths[path]![method]!.responses['200']!;
        const names = Object.keys(described);
        for (const [asked, expected] of [
          [{ prefer: 'wait=0' }, names],
          [{}, names.filter((name) => described[name]!.required)],
        ] as const) {
          const came = await ask(method, path, asked);
          expect(OWN.filter((name) => name in came).sort()).toEqual(
            expected.map((name) => name.toLowerCase()).sort(),
          );
          for (const name of expected) {
            const { type, pattern = '' } = described[name]!.schema;
            const value = came[name.toLowerCase()]!;
            expect(value).toMatch(type === 'integer' ? /^\d+$/ : new RegExp(pattern));
          }
        }
      });

      it('are described wherever they come from', () => {
        const described = Object.values(document.paths)
          .flatMap((path) => Object.values(path))
          .flatMap(({ responses }) => Object.values(responses))
          .flatMap(({ headers = {} }) => Object.keys(headers));
        expect(described.filter((name) => name === 'Signoff-Position')).toHaveLength(4);
        expect(described.filter((name) => name === 'Preference-Applied')).toHaveLength(5);
      });
    });

    it('nothing is described that is not there', () => {
      const described = Object.entries(document.paths).flatMap(([path, operations]) =>
        Object.keys(operations).map((method) => `${method} ${path}`),
      );
      expect(described.sort()).toEqual(OPERATIONS.map(([method, path]) => `${method} ${path}`).sort());
    });

    it('is OpenAPI: its operations have names of their own, its references lead somewhere', () => {
      expect(document).toMatchObject({
        openapi: expect.stringMatching(/^3\.[01]\.\d+$/),
        info: { title: 'Signoff', version: expect.stringMatching(/^\d/) },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      });
      const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
      expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
      for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
        const found = reference!
          .split('/')
          .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], document);
        expect([reference, typeof found]).toEqual([reference, 'object']);
      }
    });
  });

  it('/docs is a page that can be browsed, with everything it loads', async () => {
    const page = await api.as().get('/docs');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const loaded = [...page.text.matchAll(/(?:src|href)="(\.?\/?[^":]+)"/g)].map(([, path]) => path!);
    expect(loaded.length).toBeGreaterThan(2);
    for (const path of loaded) {
      const { pathname } = new URL(path, `${api.url}/docs`);
      expect([pathname, (await api.as().get(pathname)).status]).toEqual([pathname, 200]);
    }
  });

  it('the published keys verify a credential offline', async () => {
    const { accessToken, token } = await issue(api.service, 'ada');
    const answer = await api.as().get('/.well-known/jwks.json');
    const jwks = answer.body as JSONWebKeySet;
    for (const key of jwks.keys) expect(key).not.toHaveProperty('d');
    const verified = await jwtVerify(accessToken, createLocalJWKSet(jwks), {
      issuer: 'https://id.example.org',
      typ: 'signoff-session+jwt',
      algorithms: ['EdDSA'],
    });
    expect(verified.payload).toMatchObject({ sub: 'ada', sid: token });
  });

  it('whether it lives and is ready', async () => {
    expect((await api.as().get('/health/live')).body).toEqual({ status: 'ok' });
    expect(await api.as().get('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ready', degraded: [] },
    });
  });

  it('how the relay and the projection keep up, and how many appends share a commit', async () => {
    dataOf(await api.service.delete(operatorPath('ada')));
    await projected(world);
    const { headers, text } = await api.as().get('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toMatch(/^signoff_relay_lag_events 0$/m);
    expect(text).toMatch(/^signoff_projection_lag_events\{projection="sessions"\} 0$/m);
    expect(text).toMatch(/^signoff_append_batch_size_count [1-9]\d*$/m);
  });
});
