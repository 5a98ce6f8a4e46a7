import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BusListener } from './harness/bus-listener.js';
import { expiredSession } from './harness/expired-session.js';
import { projected } from './harness/projected.js';
import { recordedEvents } from './harness/recorded.js';
import { dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';

describe('an account with as many sessions as it may have', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi({ SESSIONS_PER_ACCOUNT: '3' });
  });
  afterAll(() => world.stop());

  const issueSeveral = async (accountId: string, count: number) => {
    const sessions: Issued[] = [];
    for (let i = 0; i < count; i++) sessions.push(await issue(api.service, accountId));
    return sessions;
  };

  it('gives up its oldest one for the next, and says which', async () => {
    const [oldest, ...others] = await issueSeveral('ada', 3);
    const next = await issue(api.service, 'ada');
    expect(next.ended).toEqual([oldest!.token]);
    expect(others.flatMap(({ ended }) => ended)).toEqual([]);
    expect(await listedBy(api.service, operatorPath('ada'))).toEqual(
      [...others, next].map(({ token }) => token).toReversed(),
    );
    expect((await api.as(oldest!.accessToken).get(OWN)).status).toBe(401);

    const [revoked, issued] = (await recordedEvents(world.owner, 'account-ada')).slice(-2);
    expect(revoked).toMatchObject({
      type: 'SessionRevoked',
      data: { sessionId: oldest!.token, reason: 'limit', credentialsExpireAt: oldest!.expiresAt },
    });
    expect(issued).toMatchObject({ type: 'SessionIssued', data: { sessionId: next.token } });

    const bus = await BusListener.start(world.nats.url, 'sessions.revoked.*');
    const [message] = await bus.has(1);
    expect(message!.json()).toMatchObject({ position: revoked!.position, data: { reason: 'limit' } });
    await bus.stop();
  });

  it('gives up all that are too many when it may have fewer than before', async () => {
    const sessions = await issueSeveral('bob', 3);
    const stricter = await world.startApi({ SESSIONS_PER_ACCOUNT: '1' });
    const next = await issue(stricter.service, 'bob');
    expect(next.ended).toEqual(sessions.map(({ token }) => token));
    expect(await listedBy(api.service, operatorPath('bob'))).toEqual([next.token]);
  });

  it('gives up nothing for sessions that have expired', async () => {
    const expired = [await expiredSession(world, 'carol'), await expiredSession(world, 'carol')];
    const live = await issueSeveral('carol', 3);
    expect(live.flatMap(({ ended }) => ended)).toEqual([]);
    const next = await issue(api.service, 'carol');
    expect(next.ended).toEqual([live[0]!.token]);
    expect(next.ended).not.toContain(expired[0]!.token);
  });
});

describe.each(['the log', 'the read model'])('a session that has expired, with lists from %s', (from) => {
  let world: World;
  let api: Api;
  let expired: Issued[];
  let live: Issued;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
    const before = await expiredSession(world, 'ada');
    live = await issue(api.service, 'ada');
    expired = [before, await expiredSession(world, 'ada')];
    if (from === 'the read model') {
      await world.startProjector();
      await projected(world);
    }
  });
  afterAll(() => world.stop());

  it('is neither listed nor counted nor found', async () => {
    for (const path of [OWN, `${OWN}?page=1&limit=1`]) {
      const { body } = await api.as(live.accessToken).get(path);
      expect(body).toMatchObject({ data: [{ token: live.token }], pagination: { total: 1, totalPages: 1 } });
    }
    expect(dataOf(await api.as(live.accessToken).get(`${OWN}/count`))).toEqual({ count: 1 });
    for (const { token } of expired) {
      expect((await api.as(live.accessToken).get(`${OWN}/${token}`)).status).toBe(404);
    }
  });

  it('is neither accepted nor ended', async () => {
    for (const { accessToken, token } of expired) {
      const { body } = await api.service.postForm('/api/introspect', { token: accessToken });
      expect(body).toEqual({ active: false });
      expect((await api.as(accessToken).get(OWN)).status).toBe(401);
      expect((await api.service.delete(`${operatorPath('ada')}/${token}`)).status).toBe(404);
    }
  });

  it('is not counted by "all"', async () => {
    expect(dataOf(await api.service.delete(operatorPath('ada')))).toEqual({
      revoked: 1,
      currentSessionRevoked: false,
    });
    const events = await recordedEvents(world.owner, 'account-ada');
    const ended = events.filter(({ type }) => type === 'SessionRevoked').map(({ data }) => data.sessionId);
    expect(ended).toEqual([live.token]);
  });
});
