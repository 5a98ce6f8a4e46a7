import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordedEvents } from './harness/recorded.js';
import { dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const ROUNDS = 10;
const CROWD = 8;

describe.each([1, 2])('sign-outs that race each other over %i API processes', (count) => {
  let world: World;
  let apis: Api[];
  let accounts = 0;

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all(Array.from({ length: count }, () => world.startApi()));
  });
  afterAll(() => world.stop());

  const at = (i: number) => apis[i % count]!;

  async function crowd(size: number): Promise<{ account: string; sessions: Issued[] }> {
    const account = `account-${accounts++}`;
    const sessions: Issued[] = [];
    for (let i = 0; i < size; i++) sessions.push(await issue(at(i).service, account));
    return { account, sessions };
  }

  it('leaves exactly one session when each ends all others at the same time', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { account, sessions } = await crowd(CROWD);
      const answers = await Promise.all(
        sessions.map(({ accessToken }, i) => at(i).as(accessToken).delete(OWN)),
      );
      const winner = answers.findIndex(({ status }) => status === 200);
      expect(dataOf(answers[winner]!)).toEqual({ revoked: CROWD - 1, currentSessionRevoked: false });
      for (const [i, { status, body, headers }] of answers.entries()) {
        if (i === winner) continue;
        expect([status, body]).toEqual([
          401,
          expect.objectContaining({
            code: expect.stringMatching(/^(CREDENTIAL_INVALID|ACTING_SESSION_ENDED)$/),
          }),
        ]);
        expect(headers['www-authenticate']).toContain('error="invalid_token"');
      }
      expect(await listedBy(at(round).service, operatorPath(account))).toEqual([sessions[winner]!.token]);
    }
  });

  it('ends a session once when many end it at the same time', async () => {
    const { account, sessions } = await crowd(1);
    const path = `${operatorPath(account)}/${sessions[0]!.token}`;
    const answers = await Promise.all(Array.from({ length: CROWD }, (_, i) => at(i).service.delete(path)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(CROWD - 1);
    const events = await recordedEvents(world.owner, `account-${account}`);
    expect(events.map(({ type }) => type)).toEqual(['SessionIssued', 'SessionRevoked']);
  });
});
