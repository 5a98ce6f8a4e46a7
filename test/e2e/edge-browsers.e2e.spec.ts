import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, World } from './harness/world.js';

const PANEL = 'https://panel.example';
const OWN = '/api/account/sessions';

describe('for a browser', () => {
  let world: World;
  let api: Api;
  let closed: Api;

  beforeAll(async () => {
    world = await World.create();
    [api, closed] = await Promise.all([
      world.startApi({ CORS_ORIGINS: `${PANEL}, http://localhost:8080`, TRUSTED_PROXIES: '127.0.0.1' }),
      world.startApi(),
    ]);
  });
  afterAll(() => world.stop());

  it.each(['/health/live', OWN, '/no/such/path', '/%', '/.well-known/jwks.json'])(
    'an answer is data and nothing else: %s',
    async (path) => {
      const { headers } = await api.as().get(path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
      expect(headers).not.toHaveProperty('strict-transport-security');
      expect(headers).not.toHaveProperty('x-powered-by');
    },
  );

  it('HSTS is said where a trusted proxy spoke TLS', async () => {
    const secure = { 'x-forwarded-proto': 'https' };
    const { headers } = await api.as().get('/health/live', secure);
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    expect((await closed.as().get('/health/live', secure)).headers).not.toHaveProperty(
      'strict-transport-security',
    );
  });

  describe('the documentation', () => {
    it('works under its own policy: it loads its scripts, styles and pictures from here, and has none in its text', async () => {
      const { status, headers, text } = await api.as().get('/docs');
      expect(status).toBe(200);
      const policy = headers['content-security-policy'] as string;
      expect(policy).toContain("default-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/script-src|unsafe-eval/);

      const loaded = [...text.matchAll(/<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]*)"/g)].map(
        ([, url]) => new URL(url!, `${api.url}/docs`),
      );
      expect(loaded.map(({ pathname }) => pathname)).toEqual(
        expect.arrayContaining([
          '/docs/swagger-ui.css',
          '/docs/swagger-ui-bundle.js',
          '/docs/swagger-ui-init.js',
        ]),
      );
      for (const { origin, pathname } of loaded) {
        expect(origin).toBe(api.url);
        expect((await api.as().get(pathname)).status).toBe(200);
      }
      expect(text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/);
      expect(text).not.toMatch(/<[^>]+\son\w+=/i);
    });
  });

  describe('a page of an origin that is allowed', () => {
    it('may read answers, refusals included, and what their headers say', async () => {
      for (const path of ['/health/live', OWN]) {
        const { headers } = await api.as().get(path, { origin: PANEL });
        expect(headers).toMatchObject({
          'access-control-allow-origin': PANEL,
          vary: 'Origin',
          'access-control-expose-headers':
            'RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Signoff-Position, Preference-Applied',
        });
        expect(headers).not.toHaveProperty('access-control-allow-credentials');
      }
    });

    it('may send its credential, with every method that there is', async () => {
      const { status, headers } = await api.as().send('OPTIONS', `${OWN}/x`, {
        headers: {
          origin: 'http://localhost:8080',
          'access-control-request-method': 'DELETE',
          'access-control-request-headers': 'authorization, idempotency-key',
        },
      });
      expect(status).toBe(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': 'http://localhost:8080',
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-allow-headers':
          'Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id, Traceparent',
        'access-control-max-age': '600',
      });
    });
  });

  it.each([
    'https://panel.example.evil.example',
    'https://evil.example/https://panel.example',
    'http://panel.example',
    'https://panel.example:444',
    'null',
    '*',
  ])('a page of the origin %s may not', async (origin) => {
    const asked = { origin, 'access-control-request-method': 'DELETE' };
    const answers = [await api.as().get(OWN, asked), await api.as().send('OPTIONS', OWN, { headers: asked })];
    for (const { headers } of answers) expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('no page may where no origin is named', async () => {
    const asked = { origin: PANEL, 'access-control-request-method': 'DELETE' };
    const { headers } = await closed.as().get(OWN, asked);
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect((await closed.as().send('OPTIONS', OWN, { headers: asked })).status).toBe(405);
  });
});
