import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, Caller } from './harness/call.js';
import { expectProblem } from './harness/problem.js';
import { expectNothingRecorded, recordedEvents } from './harness/recorded.js';
import { createKey, dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const DUPLICATES = 10;

describe('a command with an Idempotency-Key', () => {
  let world: World;
  let apis: Api[];
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all([world.startApi(), world.startApi()]);
    api = apis[0]!;
  });
  afterAll(() => world.stop());

  /** The same request at every process, one after another: after the first, nothing more is written. */
  async function repeated(send: (service: Caller) => Promise<Answer>): Promise<Answer[]> {
    const first = await send(api.service);
    const others = await expectNothingRecorded(world.owner, async () => [
      await send(apis[1]!.service),
      await send(api.service),
    ]);
    return [first, ...others];
  }

  it('issues one session, with the same credential each time', async () => {
    const device = { ipAddress: '192.0.2.1', userAgent: 'curl/8.5.0', fingerprint: 'f' };
    const answers = await repeated((service) =>
      service.post('/api/sessions', { accountId: 'ada', ...device }, { 'idempotency-key': 'issue' }),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const { accessToken, token } = dataOf(answers[2]!, 201) as { accessToken: string; token: string };
    expect(await listedBy(api.as(accessToken))).toEqual([token]);
  });

  it('creates one API key, and shows it once', async () => {
    const [first, ...others] = await repeated((service) =>
      service.post(
        '/api/keys',
        { kind: 'account', accountId: 'ada', name: 'n' },
        { 'idempotency-key': 'key' },
      ),
    );
    const { key, ...created } = dataOf(first!, 201) as { key: string };
    expect((await api.as(key).get(OWN)).status).toBe(200);
    for (const answer of others) expect(dataOf(answer, 201)).toEqual({ ...created, key: null });
  });

  it('ends all sessions once, and tells the first count each time', async () => {
    for (let i = 0; i < 3; i++) await issue(api.service, 'bob');
    const end = (service: Caller) =>
      service.delete(operatorPath('bob'), { headers: { 'idempotency-key': 'end' } });
    for (const answer of await repeated(end)) {
      expect(dataOf(answer)).toEqual({ revoked: 3, currentSessionRevoked: false });
    }
    const later = await issue(api.service, 'bob');
    expect(dataOf(await end(api.service))).toEqual({ revoked: 3, currentSessionRevoked: false });
    expect(await listedBy(api.service, operatorPath('bob'))).toEqual([later.token]);
  });

  it('ends one session once, and never says that it was not found', async () => {
    const { token } = await issue(api.service, 'carol');
    const path = `${operatorPath('carol')}/${token}`;
    const answers = await repeated((service) =>
      service.delete(path, { headers: { 'idempotency-key': 'one' } }),
    );
    for (const answer of answers)
      expect(dataOf(answer)).toEqual({ revoked: true, currentSessionRevoked: false });
    expectProblem(await api.service.delete(path), { status: 404, code: 'SESSION_NOT_FOUND' });
  });

  it('is refused again as it was refused at first', async () => {
    const unknown = `session_${'0'.repeat(22)}`;
    const path = `${operatorPath('dave')}/${unknown}`;
    const answers = await repeated((service) =>
      service.delete(path, { headers: { 'idempotency-key': 'no' } }),
    );
    for (const answer of answers) expectProblem(answer, { status: 404, code: 'SESSION_NOT_FOUND' });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);

    const tooSoon = { accountId: 'dave', expiresAt: new Date(Date.now() + 10_000).toISOString() };
    for (const answer of await repeated((service) =>
      service.post('/api/sessions', tooSoon, { 'idempotency-key': 'too-soon' }),
    )) {
      expectProblem(answer, { status: 400, code: 'SESSION_LIFETIME_INVALID', fields: ['expiresAt'] });
    }
  });

  it('gets 422 when the key was used for another request', async () => {
    const headers = { 'idempotency-key': 'reused' };
    await issue(api.service, 'erin', {}, 'reused');
    const { token } = await issue(api.service, 'erin');
    dataOf(await api.service.delete(`${operatorPath('erin')}/${token}`, { headers }));
    const reused = { status: 422, code: 'IDEMPOTENCY_KEY_REUSED' };
    const reuse = async ({ service }: Api) => {
      expectProblem(await service.post('/api/sessions', { accountId: 'eve' }, headers), reused);
      expectProblem(
        await service.post('/api/sessions', { accountId: 'erin', fingerprint: 'f' }, headers),
        reused,
      );
      expectProblem(await service.delete(`${operatorPath('erin')}/x`, { headers }), reused);
      expectProblem(await service.delete(`${operatorPath('eve')}/${token}`, { headers }), reused);
      expectProblem(
        await service.delete(`${operatorPath('erin')}/${token}`, { headers, body: { note: 'n' } }),
        reused,
      );
    };
    await expectNothingRecorded(world.owner, async () => {
      for (const one of apis) await reuse(one);
    });
  });

  it('happens once when ten of it come at the same time, at two processes', async () => {
    const same = async (send: (service: Caller) => Promise<Answer>) => {
      const answers = await Promise.all(
        Array.from({ length: DUPLICATES }, (_, i) => send(apis[i % 2]!.service)),
      );
      return answers.map(({ body }) => (body as { data: Record<string, unknown> }).data);
    };
    const headers = { 'idempotency-key': 'at-once' };

    const sessions = await same((service) => service.post('/api/sessions', { accountId: 'frank' }, headers));
    expect(new Set(sessions.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(await recordedEvents(world.owner, 'account-frank')).toHaveLength(1);

    const ends = await same((service) => service.delete(operatorPath('frank'), { headers }));
    expect(ends).toEqual(ends.map(() => ({ revoked: 1, currentSessionRevoked: false })));
    expect(await recordedEvents(world.owner, 'account-frank')).toHaveLength(2);

    const keys = await same((service) =>
      service.post('/api/keys', { kind: 'account', accountId: 'frank', name: 'n' }, headers),
    );
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    expect(keys.filter(({ key }) => key !== null)).toHaveLength(1);
  });

  it('is another command for another principal, and for another operation', async () => {
    const headers = { 'idempotency-key': 'shared' };
    const { key } = await createKey(api.service, {
      kind: 'service',
      name: 'second login service',
      scopes: ['sessions:issue', 'sessions:revoke'],
    });
    const first = await issue(api.service, 'grace', {}, 'shared');
    const second = await issue(api.as(key), 'grace', {}, 'shared');
    expect(second.token).not.toBe(first.token);
    dataOf(await api.as(key).delete(`${operatorPath('grace')}/${first.token}`, { headers }));
    expect(dataOf(await api.as(key).delete(operatorPath('grace'), { headers }))).toMatchObject({
      revoked: 1,
    });
    expect((await issue(api.service, 'grace', {}, 'shared')).token).toBe(first.token);
  });
});
