import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Answer } from './harness/call.js';
import { createKey, dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const TOKEN = /^session_[0-9A-Za-z]{22}$/;
const KEY_ID = /^key_[0-9A-Za-z]{22}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const WHOLE_SECOND = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/;
const CREDENTIAL = /^eyJ[\w-]+\.[\w-]+\.[\w-]{86}$/;
const like = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

describe('the answers of the API', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterAll(() => world.stop());

  /** The status, the headers of every answer, and the body for the test to compare as a whole. */
  function bodyOf({ status, headers, body }: Answer, expected = 200): unknown {
    expect(status).toBe(expected);
    expect(headers['content-type']).toMatch(/^application\/json(;|$)/);
    expect(headers['cache-control']).toBe('no-store');
    return body;
  }

  const seconds = (instant: string) => Date.parse(instant) / 1_000;

  describe('a new session', () => {
    it('has this shape, and lives for thirty days unless something else is said', async () => {
      const answer = await api.service.post('/api/sessions', { accountId: 'ada' });
      expect(bodyOf(answer, 201)).toEqual({
        data: {
          token: like(TOKEN),
          accountId: 'ada',
          issuedAt: like(INSTANT),
          expiresAt: like(WHOLE_SECOND),
          accessToken: like(CREDENTIAL),
          tokenType: 'Bearer',
          ended: [],
        },
      });
      const { issuedAt, expiresAt } = dataOf(answer, 201) as { issuedAt: string; expiresAt: string };
      expect(seconds(expiresAt) - Math.floor(seconds(issuedAt))).toBe(2_592_000);
    });

    it('has a credential that says the same, its times rounded down to seconds', async () => {
      const { accessToken, token, issuedAt, expiresAt } = await issue(api.service, 'ada');
      expect(decodeProtectedHeader(accessToken)).toEqual({
        alg: 'EdDSA',
        typ: 'signoff-session+jwt',
        kid: like(/./),
      });
      expect(decodeJwt(accessToken)).toEqual({
        iss: 'signoff',
        sub: 'ada',
        sid: token,
        iat: Math.floor(seconds(issuedAt)),
        exp: seconds(expiresAt),
      });
    });

    it.each([60, 7_776_000])('lives for %i seconds when it is told so', async (expiresInSeconds) => {
      const { issuedAt, expiresAt } = await issue(api.service, 'ada', { expiresInSeconds });
      expect(seconds(expiresAt) - Math.floor(seconds(issuedAt))).toBe(expiresInSeconds);
    });

    it('ends at the second in which it is told to, whatever the time zone', async () => {
      const nextYear = new Date(Date.now() + 80 * 86_400_000).toISOString().slice(0, 19);
      const { expiresAt } = await issue(api.service, 'ada', { expiresAt: `${nextYear}.987654+00:00` });
      expect(expiresAt).toBe(`${nextYear}.000Z`);
      const east = await issue(api.service, 'ada', { expiresAt: `${nextYear}+02:30` });
      expect(seconds(east.expiresAt)).toBe(seconds(`${nextYear}Z`) - 9_000);
    });

    it('belongs to any account id of 1 to 128 code points, compared as given', async () => {
      for (const account of ['\u{1d4b3}'.repeat(128), 'a/b c?d#e%', ' ', '...', 'é', 'e\u0301', 'É']) {
        const session = await issue(api.service, account);
        expect(decodeJwt(session.accessToken).sub).toBe(account);
        expect(await listedBy(api.service, operatorPath(account))).toEqual([session.token]);
        expect(await listedBy(api.as(session.accessToken))).toEqual([session.token]);
        dataOf(await api.service.delete(`${operatorPath(account)}/${session.token}`));
        expect(await listedBy(api.service, operatorPath(account))).toEqual([]);
      }
    });
  });

  describe('a list', () => {
    it('shows this of each session, what is not known as null, the fingerprint of the current one alone', async () => {
      const plain = await issue(api.service, 'bob');
      const odd = await issue(api.service, 'bob', { userAgent: '', fingerprint: 'odd' });
      const full = await issue(api.service, 'bob', {
        ipAddress: '::FFFF:192.0.2.7',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
        fingerprint: 'laptop',
      });
      const shown = ({ token, issuedAt, expiresAt }: typeof plain, more: object) => ({
        token,
        issuedAt,
        expiresAt,
        expiresAtTimestamp: Date.parse(expiresAt),
        isCurrent: false,
        ipAddress: null,
        userAgent: null,
        browser: null,
        os: null,
        device: null,
        lastSeenAt: issuedAt,
        firstSeenAt: issuedAt,
        fingerprint: null,
        ...more,
      });
      const firefox = {
        ipAddress: '192.0.2.7',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
        browser: 'Firefox',
        os: 'Linux',
        device: 'Desktop',
      };
      const unknown = { userAgent: '', browser: 'Unknown', os: 'Unknown', device: 'Unknown' };
      const pagination = { page: 1, perPage: 50, total: 3, totalPages: 1 };
      expect(bodyOf(await api.as(full.accessToken).get(OWN))).toEqual({
        data: [
          shown(full, { ...firefox, isCurrent: true, fingerprint: 'laptop' }),
          shown(odd, unknown),
          shown(plain, {}),
        ],
        currentToken: full.token,
        pagination,
      });
      const { key } = await createKey(api.service, { kind: 'account', accountId: 'bob', name: 'n' });
      const nobodys = {
        data: [shown(full, firefox), shown(odd, unknown), shown(plain, {})],
        currentToken: null,
        pagination,
      };
      expect(bodyOf(await api.as(key).get(OWN))).toEqual(nobodys);
      expect(bodyOf(await api.service.get(operatorPath('bob')))).toEqual(nobodys);
    });

    it.each([
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:0db8::0001', '2001:db8::1'],
      ['::ffff:c000:0207', '192.0.2.7'],
      ['::', '::'],
      ['203.0.113.9', '203.0.113.9'],
    ])('spells the address %s as %s', async (ipAddress, spelled) => {
      const { accessToken } = await issue(api.service, `at ${ipAddress}`, { ipAddress });
      const { body } = await api.as(accessToken).get(OWN);
      expect(body).toMatchObject({ data: [{ ipAddress: spelled }] });
    });

    it('has pages, newest first, and true totals past the last one', async () => {
      const tokens: string[] = [];
      for (let i = 0; i < 5; i++) tokens.unshift((await issue(api.service, 'carol')).token);
      for (const [page, ofPage] of [
        [1, tokens.slice(0, 2)],
        [2, tokens.slice(2, 4)],
        [3, tokens.slice(4)],
        [4, []],
        [2 ** 31 - 1, []],
      ] as const) {
        const body = bodyOf(await api.service.get(`${operatorPath('carol')}?page=${page}&limit=2`));
        expect(body).toMatchObject({
          currentToken: null,
          pagination: { page, perPage: 2, total: 5, totalPages: 3 },
        });
        expect((body as { data: { token: string }[] }).data.map(({ token }) => token)).toEqual(ofPage);
      }
    });

    it('is empty for an account that nobody has heard of', async () => {
      expect(bodyOf(await api.service.get(operatorPath('nobody')))).toEqual({
        data: [],
        currentToken: null,
        pagination: { page: 1, perPage: 50, total: 0, totalPages: 0 },
      });
    });

    it('is also told as a count, and one session at a time', async () => {
      const { accessToken, token } = await issue(api.service, 'dave', { fingerprint: 'f' });
      const other = await issue(api.service, 'dave', { fingerprint: 'g' });
      const asker = api.as(accessToken);
      const { data } = (await asker.get(OWN)).body as { data: unknown[] };
      expect(bodyOf(await asker.get(`${OWN}/count`))).toEqual({ data: { count: 2 } });
      expect(bodyOf(await asker.get(`${OWN}/${token}`))).toEqual({ data: data[1] });
      expect(bodyOf(await asker.get(`${OWN}/${other.token}`))).toEqual({ data: data[0] });
    });
  });

  describe('ending sessions', () => {
    const sessionsOf = async (account: string) => {
      const sessions = [];
      for (let i = 0; i < 3; i++) sessions.push(await issue(api.service, account));
      return sessions as [Awaited<ReturnType<typeof issue>>, ...Awaited<ReturnType<typeof issue>>[]];
    };
    const json = { headers: { 'content-type': 'application/json' } };

    it('says whether the current one was among them', async () => {
      const [asking, other] = await sessionsOf('erin');
      const asker = api.as(asking.accessToken);
      expect(bodyOf(await asker.delete(`${OWN}/${other!.token}`, json))).toEqual({
        data: { revoked: true, currentSessionRevoked: false },
      });
      expect(bodyOf(await asker.delete(`${OWN}/${asking.token}`))).toEqual({
        data: { revoked: true, currentSessionRevoked: true },
      });
    });

    it('leaves the current one, unless it is to be included', async () => {
      const [asking] = await sessionsOf('frank');
      const asker = api.as(asking.accessToken);
      const end = async (query: string) => bodyOf(await asker.delete(`${OWN}${query}`, json));
      expect(await end('')).toEqual({ data: { revoked: 2, currentSessionRevoked: false } });
      expect(await end('?includeCurrent=false')).toEqual({
        data: { revoked: 0, currentSessionRevoked: false },
      });
      await issue(api.service, 'frank');
      expect(await end('?includeCurrent=true')).toEqual({
        data: { revoked: 2, currentSessionRevoked: true },
      });
      expect(await listedBy(api.service, operatorPath('frank'))).toEqual([]);
    });

    it.each(['', '?includeCurrent=false', '?includeCurrent=true'])(
      'knows no current one when an account key asks: "%s" ends all',
      async (query) => {
        const account = `grace${query}`;
        await sessionsOf(account);
        const { key } = await createKey(api.service, { kind: 'account', accountId: account, name: 'n' });
        expect(bodyOf(await api.as(key).delete(`${OWN}${query}`, json))).toEqual({
          data: { revoked: 3, currentSessionRevoked: false },
        });
      },
    );

    it('is done by the operator alike, with or without a note', async () => {
      const [first] = await sessionsOf('heidi');
      const path = operatorPath('heidi');
      expect(
        bodyOf(await api.service.delete(`${path}/${first.token}`, { body: { note: 'x'.repeat(500) } })),
      ).toEqual({
        data: { revoked: true, currentSessionRevoked: false },
      });
      expect(bodyOf(await api.service.delete(path, json))).toEqual({
        data: { revoked: 2, currentSessionRevoked: false },
      });
      expect(bodyOf(await api.service.delete(path, { body: {} }))).toEqual({
        data: { revoked: 0, currentSessionRevoked: false },
      });
    });
  });

  describe('an extension', () => {
    it('has this shape, and never shortens', async () => {
      const issued = await issue(api.service, 'ivan', { expiresInSeconds: 3_600 });
      const { accessToken: first, ended: _, ...session } = issued;
      const extend = async (body: object) =>
        bodyOf(await api.service.send('PATCH', `/api/sessions/${issued.token}`, { body })) as {
          data: typeof issued;
        };
      const extended = await extend({ expiresInSeconds: 7_200 });
      expect(extended).toEqual({
        data: {
          ...session,
          expiresAt: like(WHOLE_SECOND),
          accessToken: like(CREDENTIAL),
          tokenType: 'Bearer',
        },
      });
      expect(seconds(extended.data.expiresAt) - seconds(issued.expiresAt)).toBeGreaterThanOrEqual(3_600);
      expect(decodeJwt(extended.data.accessToken)).toMatchObject({
        sid: issued.token,
        exp: seconds(extended.data.expiresAt),
      });
      const unchanged = await extend({ expiresInSeconds: 60 });
      expect(unchanged.data.expiresAt).toBe(extended.data.expiresAt);
      for (const credential of [first, extended.data.accessToken, unchanged.data.accessToken]) {
        expect(await listedBy(api.as(credential))).toEqual([issued.token]);
      }
    });
  });

  it('is told of activity, and shows it', async () => {
    const { token, accessToken, issuedAt } = await issue(api.service, 'judy');
    const seen = await api.service.send('POST', `/api/sessions/${token}/activity`);
    expect(bodyOf(seen, 202)).toEqual({ data: { accepted: true } });
    const { data } = (await api.as(accessToken).get(OWN)).body as {
      data: { lastSeenAt: string; firstSeenAt: string }[];
    };
    expect(data[0]!.lastSeenAt > issuedAt).toBe(true);
    expect(data[0]!.firstSeenAt).toBe(issuedAt);
  });

  it('introspects a credential by RFC 7662, and tells nothing of what is not active', async () => {
    const { accessToken, token, issuedAt, expiresAt } = await issue(api.service, 'kim');
    const introspect = async (text: string) =>
      bodyOf(await api.service.postForm('/api/introspect', { token: text, token_type_hint: 'access_token' }));
    expect(await introspect(accessToken)).toEqual({
      active: true,
      sub: 'kim',
      sid: token,
      iat: Math.floor(seconds(issuedAt)),
      exp: seconds(expiresAt),
      iss: 'signoff',
      token_type: 'Bearer',
    });
    for (const text of ['x', token, world.bootstrapKey, `${accessToken}x`]) {
      expect(await introspect(text)).toEqual({ active: false });
    }
  });

  it('makes, lists and revokes API keys', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const account = { kind: 'account', accountId: 'lea', name: 'Panel' };
    const service = { kind: 'service', name: 'Login', scopes: ['sessions:issue'], expiresAt };
    const made = [
      { id: like(KEY_ID), ...account, scopes: ['sessions:read', 'sessions:revoke'] },
      { id: like(KEY_ID), ...service },
    ];
    const created: string[] = [];
    for (const [i, sent] of [account, service].entries()) {
      const body = bodyOf(await api.service.post('/api/keys', sent), 201) as {
        data: { id: string; key: string };
      };
      expect(body).toEqual({ data: { ...made[i], key: like(/^key_[0-9A-Za-z]{22}\.[\w-]{43}$/) } });
      expect(body.data.key.startsWith(`${body.data.id}.`)).toBe(true);
      created.push(body.data.id);
    }
    const list = async () =>
      bodyOf(await api.service.get('/api/keys?limit=2')) as {
        data: unknown[];
        pagination: { total: number };
      };
    const { data, pagination } = await list();
    expect(data).toEqual(
      made.map((key, i) => ({ ...key, id: created[i], createdAt: like(INSTANT) })).toReversed(),
    );
    expect(pagination).toMatchObject({ page: 1, perPage: 2 });
    expect(bodyOf(await api.service.delete(`/api/keys/${created[1]}`))).toEqual({ data: { revoked: true } });
    expect((await list()).pagination.total).toBe(pagination.total - 1);
  });
});
