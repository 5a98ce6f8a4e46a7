import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { until } from '../harness/until.js';
import { expiredSession } from './harness/expired-session.js';
import { expectProblem } from './harness/problem.js';
import { expectNothingRecorded } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued } from './harness/sessions.js';
import { signingKey } from './harness/signing-key.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const OPERATOR = '/api/accounts/ada/sessions';
const INVALID = ', error="invalid_token", error_description="the credential is not, or no longer, valid"';
const lacks = (scope: string) =>
  `, error="insufficient_scope", error_description="the credential lacks the scope ${scope}", scope="${scope}"`;

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object;

describe('whoever may not ask', () => {
  let world: World;
  let api: Api;
  let session: Issued;
  let accountKey: string;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
    session = await issue(api.service, 'ada');
    ({ key: accountKey } = await createKey(api.service, {
      kind: 'account',
      accountId: 'ada',
      name: 'panel',
    }));
  });
  afterAll(() => world.stop());

  const nothingChanges = (ask: () => Promise<void>) => expectNothingRecorded(world.owner, ask);

  const refusesEverywhere = (credential: string) =>
    nothingChanges(async () => {
      const asker = api.as(credential);
      const refused = { status: 401, code: 'CREDENTIAL_INVALID', challenge: INVALID };
      expectProblem(await asker.get(OWN), refused);
      expectProblem(await asker.delete(OWN), refused);
      expectProblem(await asker.delete(`${OWN}/${session.token}`), refused);
      expectProblem(await asker.get(OPERATOR), refused);
      expectProblem(await asker.post('/api/sessions', { accountId: 'ada' }), refused);
      const introspected = await api.service.postForm('/api/introspect', { token: credential });
      expect(introspected.body).toEqual({ active: false });
    });

  const claims = () => decode(session.accessToken.split('.')[1]!);
  const header = () => decode(session.accessToken.split('.')[0]!);

  describe('without a bearer credential', () => {
    it.each([
      ['GET', OWN],
      ['DELETE', OWN],
      ['DELETE', `${OWN}/x`],
      ['GET', OPERATOR],
      ['DELETE', OPERATOR],
      ['DELETE', `${OPERATOR}/x`],
      ['POST', '/api/sessions'],
      ['POST', '/api/introspect'],
      ['POST', '/api/keys'],
      ['GET', '/api/keys'],
      ['DELETE', '/api/keys/x'],
      ['PATCH', '/api/sessions/x'],
      ['POST', '/api/sessions/x/activity'],
    ])('%s %s gets 401', (method, path) =>
      nothingChanges(async () => {
        expectProblem(await api.as().send(method, path), { status: 401, code: 'CREDENTIAL_MISSING' });
      }),
    );

    it.each(['', 'Bearer', 'Basic YWRhOng=', 'Bearer two words', 'Token abc', 'Bearer ä'])(
      'Authorization "%s" gets 401',
      (authorization) =>
        nothingChanges(async () => {
          const answer = await api.as().get(OWN, { authorization });
          expectProblem(answer, { status: 401, code: 'CREDENTIAL_INVALID', challenge: INVALID });
        }),
    );
  });

  describe('a key', () => {
    it('that is garbage', () => refusesEverywhere('garbage'));

    it('that was never made', () => refusesEverywhere(`key_${'0'.repeat(22)}.${'x'.repeat(43)}`));

    it('whose secret is another', () =>
      refusesEverywhere(`${accountKey.slice(0, -1)}${accountKey.endsWith('A') ? 'B' : 'A'}`));

    it('whose name alone is known', () => refusesEverywhere(accountKey.slice(0, accountKey.indexOf('.'))));

    it('that was revoked', async () => {
      const { id, key } = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'lost' });
      dataOf(await api.as(key).get(OWN));
      dataOf(await api.service.delete(`/api/keys/${id}`));
      await refusesEverywhere(key);
    });

    it('that has expired', async () => {
      const { key } = await createKey(api.service, {
        kind: 'account',
        accountId: 'ada',
        name: 'old',
        expiresAt: new Date(Date.now() + 3_000).toISOString(),
      });
      dataOf(await api.as(key).get(OWN));
      await until(
        () => api.as(key).get(OWN),
        ({ status }) => status !== 200,
      );
      await refusesEverywhere(key);
    });
  });

  describe('a session credential', () => {
    const signed = async (claims: object, header: object, key?: CryptoKey) => {
      const { kid, privateKey } = await signingKey(world);
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'signoff-session+jwt', kid, ...header })
        .sign(key ?? privateKey);
    };

    it('is accepted as it was issued, and when it is signed alike', async () => {
      dataOf(await api.as(session.accessToken).get(OWN));
      expect(await signed(claims(), header())).toBe(session.accessToken);
    });

    it('of a session that has expired', async () => {
      await refusesEverywhere((await expiredSession(world, 'ada')).accessToken);
    });

    it('of a session that was ended', async () => {
      const ended = await issue(api.service, 'ada');
      dataOf(await api.service.delete(`${OPERATOR}/${ended.token}`));
      await refusesEverywhere(ended.accessToken);
    });

    it('with alg none', async () => {
      const [, payload] = session.accessToken.split('.');
      await refusesEverywhere(`${encode({ ...header(), alg: 'none' })}.${payload}.`);
    });

    it('signed with HS256 and the public key', async () => {
      const { keys } = (await api.as().get('/.well-known/jwks.json')).body as { keys: [JWK] };
      const publicKey = (await importJWK({ ...keys[0], ext: true }, 'EdDSA', {
        extractable: true,
      })) as CryptoKey;
      for (const secret of [await exportSPKI(publicKey), keys[0].x!, JSON.stringify(keys[0])]) {
        const token = await new SignJWT({ ...claims() })
          .setProtectedHeader({ ...header(), alg: 'HS256' })
          .sign(Buffer.from(secret));
        await refusesEverywhere(token);
      }
    });

    it('signed by a key of somebody else', async () => {
      const { privateKey } = await generateKeyPair('EdDSA');
      await refusesEverywhere(await signed(claims(), {}, privateKey));
      await refusesEverywhere(await signed(claims(), { kid: 'mine' }, privateKey));
    });

    it('of another issuer', async () =>
      refusesEverywhere(await signed({ ...claims(), iss: 'somebody' }, {})));

    it('of another type', async () => {
      await refusesEverywhere(await signed(claims(), { typ: 'JWT' }));
      await refusesEverywhere(await signed(claims(), { typ: undefined }));
    });

    it('of another account than the session has', async () =>
      refusesEverywhere(await signed({ ...claims(), sub: 'bob' }, {})));

    it('without a session', async () => refusesEverywhere(await signed({ ...claims(), sid: undefined }, {})));

    it('whose payload was changed', async () => {
      const [head, , signature] = session.accessToken.split('.');
      await refusesEverywhere(`${head}.${encode({ ...claims(), sub: 'bob' })}.${signature}`);
    });

    it('whose signature was left out', () =>
      refusesEverywhere(session.accessToken.slice(0, session.accessToken.lastIndexOf('.') + 1)));
  });

  describe('the wrong kind of credential', () => {
    it('a service key on the routes of accounts gets 403', () =>
      nothingChanges(async () => {
        const refused = { status: 403, code: 'ACCOUNT_CREDENTIAL_REQUIRED' };
        expectProblem(await api.service.get(OWN), refused);
        expectProblem(await api.service.delete(OWN), refused);
        expectProblem(await api.service.delete(`${OWN}/${session.token}`), refused);
      }));

    it('an account credential on the routes of services gets 403', () =>
      nothingChanges(async () => {
        for (const asker of [api.as(accountKey), api.as(session.accessToken)]) {
          const refused = { status: 403, code: 'SERVICE_KEY_REQUIRED' };
          expectProblem(await asker.get(OPERATOR), refused);
          expectProblem(await asker.delete(OPERATOR), refused);
          expectProblem(await asker.post('/api/sessions', { accountId: 'ada' }), refused);
          expectProblem(await asker.postForm('/api/introspect', { token: 'x' }), refused);
          expectProblem(await asker.get('/api/keys'), refused);
          expectProblem(
            await asker.post('/api/keys', { kind: 'account', accountId: 'ada', name: 'n' }),
            refused,
          );
        }
      }));
  });

  describe('a key without the scope', () => {
    it.each([
      ['sessions:issue', 'POST', '/api/sessions', { accountId: 'ada' }],
      ['sessions:issue', 'PATCH', '/api/sessions/x', { expiresInSeconds: 60 }],
      ['sessions:issue', 'POST', '/api/sessions/x/activity', undefined],
      ['sessions:introspect', 'POST', '/api/introspect', undefined],
      ['sessions:read', 'GET', OPERATOR, undefined],
      ['sessions:revoke', 'DELETE', OPERATOR, undefined],
      ['sessions:revoke', 'DELETE', `${OPERATOR}/x`, undefined],
      ['keys:write', 'POST', '/api/keys', { kind: 'account', accountId: 'ada', name: 'n' }],
      ['keys:write', 'GET', '/api/keys', undefined],
      ['keys:write', 'DELETE', '/api/keys/x', undefined],
    ])('%s gets 403 for %s %s', async (scope, method, path, body) => {
      const all = [
        'sessions:issue',
        'sessions:introspect',
        'sessions:read',
        'sessions:revoke',
        'keys:write',
        'audit:read',
        'accounts:erase',
      ];
      const scopes = all.filter((one) => one !== scope);
      const { key } = await createKey(api.service, { kind: 'service', name: `all but ${scope}`, scopes });
      await nothingChanges(async () => {
        const answer = await api.as(key).send(method, path, { body });
        expectProblem(answer, { status: 403, code: 'SCOPE_MISSING', challenge: lacks(scope) });
      });
    });

    it.each([
      ['sessions:read', 'GET', OWN],
      ['sessions:revoke', 'DELETE', OWN],
      ['sessions:revoke', 'DELETE', `${OWN}/x`],
    ])('%s gets 403 for %s %s', async (scope, method, path) => {
      const scopes = ['sessions:read', 'sessions:revoke'].filter((one) => one !== scope);
      const { key } = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'n', scopes });
      await nothingChanges(async () => {
        const answer = await api.as(key).send(method, path);
        expectProblem(answer, { status: 403, code: 'SCOPE_MISSING', challenge: lacks(scope) });
      });
    });

    it('cannot make a key that is wider than itself', async () => {
      const scopes = ['keys:write', 'sessions:read'];
      const { key } = await createKey(api.service, { kind: 'service', name: 'n', scopes });
      await nothingChanges(async () => {
        const wider = { kind: 'service', name: 'wider', scopes: ['sessions:read', 'sessions:revoke'] };
        expectProblem(await api.as(key).post('/api/keys', wider), { status: 403, code: 'SCOPE_NOT_GRANTED' });
        const account = { kind: 'account', accountId: 'ada', name: 'wider by default' };
        expectProblem(await api.as(key).post('/api/keys', account), {
          status: 403,
          code: 'SCOPE_NOT_GRANTED',
        });
      });
    });
  });
});
