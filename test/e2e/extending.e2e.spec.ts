import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { expiredSession } from './harness/expired-session.js';
import { recordedEvents } from './harness/recorded.js';
import { dataOf, issue, type Issued, listedBy } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

let world: World;
let api: Api;
let other: Api;

beforeAll(async () => {
  world = await World.create();
  [api, other] = await Promise.all([
    world.startApi({ SESSION_MAX_LIFE_DAYS: '2' }),
    world.startApi({ SESSION_MAX_LIFE_DAYS: '2' }),
  ]);
});
afterAll(() => world.stop());

const DAY = 86_400;
const extend = (token: string, body: object) => api.service.send('PATCH', `/api/sessions/${token}`, { body });
const secondsOf = ({ issuedAt, expiresAt }: Pick<Issued, 'issuedAt' | 'expiresAt'>) =>
  Date.parse(expiresAt) / 1_000 - Math.floor(Date.parse(issuedAt) / 1_000);

describe('extending a session', () => {
  it('answers with a new credential, and leaves the old one good until it expires', async () => {
    const issued = await issue(other.service, 'ada', { expiresInSeconds: 3_600 });
    const extended = dataOf(await extend(issued.token, { expiresInSeconds: DAY })) as Issued;
    expect(extended).toMatchObject({ token: issued.token, accountId: 'ada', issuedAt: issued.issuedAt });
    expect(decodeJwt(extended.accessToken)).toMatchObject({
      sub: 'ada',
      sid: issued.token,
      exp: Date.parse(extended.expiresAt) / 1_000,
    });
    for (const { accessToken } of [issued, extended]) {
      expect(await listedBy(other.as(accessToken))).toEqual([issued.token]);
    }
    expect((await recordedEvents(world.owner, 'account-ada')).at(-1)).toMatchObject({
      type: 'SessionExtended',
      data: { sessionId: issued.token, expiresAt: extended.expiresAt },
    });
  });

  it('never shortens it: nothing is recorded, and the credential is good as long as the session is', async () => {
    const issued = await issue(api.service, 'bob', { expiresInSeconds: DAY });
    const extended = dataOf(await extend(issued.token, { expiresInSeconds: 60 })) as Issued;
    expect(extended.expiresAt).toBe(issued.expiresAt);
    expect(await recordedEvents(world.owner, 'account-bob')).toHaveLength(1);
  });

  it('may reach the longest life from the issue, and not a second more', async () => {
    const issued = await issue(api.service, 'carol', { expiresInSeconds: 3_600 });
    const latest = Math.floor(Date.parse(issued.issuedAt) / 1_000) + 2 * DAY;
    const at = (second: number) => ({ expiresAt: new Date(second * 1_000).toISOString() });
    expect(await extend(issued.token, at(latest + 1))).toMatchObject({
      status: 400,
      body: { code: 'SESSION_LIFETIME_INVALID', errors: [{ field: 'expiresAt' }] },
    });
    expect(dataOf(await extend(issued.token, at(latest)))).toMatchObject(at(latest));
  });

  it('is refused for what does not live: unknown, malformed, ended or expired', async () => {
    const ended = await issue(api.service, 'dave');
    await api.as(ended.accessToken).delete(`/api/account/sessions/${ended.token}`);
    const expired = await expiredSession(world, 'dave');
    const before = await recordedEvents(world.owner, 'account-dave');
    for (const token of ['session_0000000000000000000000', 'x', ended.token, expired.token]) {
      expect(await extend(token, { expiresInSeconds: 600 })).toMatchObject({
        status: 404,
        body: { code: 'SESSION_NOT_FOUND' },
      });
    }
    expect(await recordedEvents(world.owner, 'account-dave')).toEqual(before);
  });

  it.each([
    ['nothing', {}, 'expiresInSeconds'],
    ['both forms', { expiresInSeconds: 600, expiresAt: '2030-01-01T00:00:00Z' }, 'expiresAt'],
    ['too short a time', { expiresInSeconds: 59 }, 'expiresInSeconds'],
    ['an account', { expiresInSeconds: 600, accountId: 'ada' }, 'accountId'],
  ])('names the field when it is given %s', async (_, body, field) => {
    const { token } = await issue(api.service, 'erin');
    expect(await extend(token, body)).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID', errors: [{ field }] },
    });
  });
});

describe('the longest life of a session', () => {
  it('bounds what is issued, and what is issued by default', async () => {
    expect(secondsOf(await issue(api.service, 'frank'))).toBe(2 * DAY);
    const answer = await api.service.post('/api/sessions', {
      accountId: 'frank',
      expiresInSeconds: 2 * DAY + 1,
    });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'SESSION_LIFETIME_INVALID', errors: [{ field: 'expiresInSeconds' }] },
    });
  });
});

describe('a session that no projector has heard of', () => {
  const use = (token: string) => api.service.post(`/api/sessions/${token}/activity`, undefined);

  it('is found by its id alone, at any process, until it has ended', async () => {
    const { token, accessToken } = await issue(other.service, 'zoe', { expiresInSeconds: 3_600 });
    const another = await issue(other.service, 'zoe');
    expect((await use(token)).status).toBe(202);
    expect(dataOf(await extend(token, { expiresInSeconds: DAY }))).toMatchObject({ accountId: 'zoe', token });
    dataOf(await other.as(accessToken).delete('/api/account/sessions?includeCurrent=true'));
    for (const answer of [await use(another.token), await extend(token, { expiresInSeconds: DAY })]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
    }
  });
});
