import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordedEvents } from './harness/recorded.js';
import { dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const ISSUES = 50;
const ROUNDS = [0, 5, 25, 45];

describe('fifty issues racing one "revoke all"', () => {
  let world: World;
  let apis: Api[];

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all([world.startApi(), world.startApi()]);
  });
  afterAll(() => world.stop());

  describe.each([1, 2])('over %i API processes', (count) => {
    it.each(ROUNDS)('adds up when %i of them were sent before it', async (before) => {
      const account = `race-${count}-${before}`;
      const at = (i: number) => apis[i % count]!;
      const revokeAll = () => at(before + 1).service.delete(operatorPath(account));

      const issues = Array.from({ length: before }, (_, i) => issue(at(i).service, account));
      const revoking = revokeAll();
      for (let i = before; i < ISSUES; i++) issues.push(issue(at(i).service, account));
      const [sessions, answer] = await Promise.all([Promise.all(issues), revoking]);

      const { revoked } = dataOf(answer) as { revoked: number };
      const listed = await listedBy(at(0).service, `${operatorPath(account)}?limit=100`);
      expect(listed).toHaveLength(ISSUES - revoked);

      const events = await recordedEvents(world.owner, `account-${account}`);
      const lastRevocation = events.findLastIndex(({ type }) => type === 'SessionRevoked');
      const issuedAfter = events.slice(lastRevocation + 1).map(({ data }) => data.sessionId);
      expect(events).toHaveLength(ISSUES + revoked);
      expect(listed).toEqual(issuedAfter.toReversed());

      for (const { service } of apis) {
        const accepted = await Promise.all(
          sessions.map(async ({ token, accessToken }) => {
            const { body } = await service.postForm('/api/introspect', { token: accessToken });
            return body.active ? [token] : [];
          }),
        );
        expect(accepted.flat().sort()).toEqual(listed.toSorted());
      }
    });
  });
});
