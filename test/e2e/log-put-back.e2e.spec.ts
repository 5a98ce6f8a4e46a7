import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyLog, putBack } from './harness/older-copy.js';
import { projected } from './harness/projected.js';
import { createKey, dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';

describe('a log that is put back to an older copy while two API processes run', () => {
  let world: World;
  let apis: Api[];
  /** Account by account: what the older copy has, what it has lost, and what came in its place. */
  const stories: { account: string; kept: Issued[]; lost: Issued; came: Issued[] }[] = [];
  let key: { id: string; key: string };

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all([world.startApi(), world.startApi()]);
    const projector = await world.startProjector();
    const [here, there] = apis as [Api, Api];
    key = await createKey(here.service, { kind: 'service', name: 'a key', scopes: ['sessions:introspect'] });
    for (const account of ['ada', 'bob']) {
      const kept = [await issue(here.service, account), await issue(here.service, account)];
      stories.push({ account, kept, lost: kept[0]!, came: [] });
    }
    await copyLog(world);

    for (const story of stories) {
      story.lost = await issue(here.service, story.account);
      dataOf(await there.service.delete(`${operatorPath(story.account)}/${story.kept[0]!.token}`));
    }
    dataOf(await here.service.delete(`/api/keys/${key.id}`));
    // Both processes, and the read model, know what will be lost.
    await projected(world);
    await projector.kill();
  });
  afterAll(() => world.stop());

  const isActive = async (api: Api, { accessToken }: Issued) =>
    ((await api.service.postForm('/api/introspect', { token: accessToken })).body as { active: boolean })
      .active;

  const forEachAtEach = async (check: (api: Api, story: (typeof stories)[0]) => Promise<void>) => {
    for (const api of apis) for (const story of stories) await check(api, story);
  };

  it('is known to both before', async () => {
    for (const api of apis) {
      for (const { account, kept, lost } of stories) {
        expect(await listedBy(api.service, operatorPath(account))).toEqual([lost.token, kept[1]!.token]);
        expect(await isActive(api, lost)).toBe(true);
        expect(await isActive(api, kept[0]!)).toBe(false);
      }
      expect((await api.as(key.key).postForm('/api/introspect', { token: 'x' })).status).toBe(401);
    }
  });

  describe('and has come as far again with other events', () => {
    beforeAll(async () => {
      const here = apis[0]!;
      await putBack(world);
      // The streams come to the versions that they had, and the log to its position: each by a process that the other one
      // hears nothing of.
      for (const [i, story] of stories.entries()) {
        for (let count = 0; count < 2; count++)
          story.came.unshift(await issue(apis[i]!.service, story.account));
      }
      await issue(here.service, 'carol');
    });

    it('has the same streams at the same versions', async () => {
      const { rows } = await world.owner.query(
        `SELECT stream_id, version FROM event_log.stream WHERE stream_id IN ('account-ada', 'account-bob') ORDER BY 1`,
      );
      expect(rows).toEqual([
        { stream_id: 'account-ada', version: 4 },
        { stream_id: 'account-bob', version: 4 },
      ]);
    });

    it('is what both list', () =>
      forEachAtEach(async (api, { account, kept, came }) => {
        const tokens = [...came, kept[1]!, kept[0]!].map(({ token }) => token);
        expect(await listedBy(api.service, operatorPath(account))).toEqual(tokens);
        expect(await listedBy(api.as(came[0]!.accessToken))).toEqual(tokens);
      }));

    it('is what both introspect and authenticate by', () =>
      forEachAtEach(async (api, { kept, lost, came }) => {
        expect(await isActive(api, lost)).toBe(false);
        expect((await api.as(lost.accessToken).get(OWN)).status).toBe(401);
        for (const session of [...kept, ...came]) expect(await isActive(api, session)).toBe(true);
        // Revoked after the copy was made: alive again.
        expect((await api.as(key.key).postForm('/api/introspect', { token: 'x' })).status).toBe(200);
      }));

    it('is where both find a session to extend, though the read model is that of what was lost', () =>
      forEachAtEach(async (api, { came, lost }) => {
        const extend = ({ token }: Issued) =>
          api.service.send('PATCH', `/api/sessions/${token}`, { body: { expiresInSeconds: 3_000_000 } });
        expect((await extend(lost)).status).toBe(404);
        for (const session of came) dataOf(await extend(session));
      }));

    it('is what both decide on', async () => {
      for (const [i, { account, came, kept }] of stories.entries()) {
        const other = apis[1 - i]!;
        expect(dataOf(await other.as(came[0]!.accessToken).delete(OWN))).toEqual({
          revoked: 3,
          currentSessionRevoked: false,
        });
        for (const api of apis) {
          expect(await listedBy(api.service, operatorPath(account))).toEqual([came[0]!.token]);
          expect(await isActive(api, kept[1]!)).toBe(false);
        }
      }
    });
  });
});
