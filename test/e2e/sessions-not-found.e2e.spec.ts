import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, Caller } from './harness/call.js';
import { expiredSession } from './harness/expired-session.js';
import { expectProblem } from './harness/problem.js';
import { expectNothingRecorded } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const NOT_FOUND = { status: 404, code: 'SESSION_NOT_FOUND' };

describe('what cannot be ended', () => {
  let world: World;
  let api: Api;
  let mine: Issued;
  let theirs: Issued;
  let ended: Issued;
  let expired: Issued;
  let ways: (readonly [Caller, string])[];

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
    mine = await issue(api.service, 'ada');
    theirs = await issue(api.service, 'bob');
    ended = await issue(api.service, 'ada');
    dataOf(await api.as(mine.accessToken).delete(`${OWN}/${ended.token}`));
    expired = await expiredSession(world, 'ada');
    const { key } = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'panel' });
    ways = [
      [api.as(mine.accessToken), OWN],
      [api.as(key), OWN],
      [api.service, operatorPath('ada')],
    ];
  });
  afterAll(() => world.stop());

  const endEach = (token: string): Promise<Answer[]> =>
    expectNothingRecorded(world.owner, async () => {
      const answers: Answer[] = [];
      for (const [caller, path] of ways) answers.push(await caller.delete(`${path}/${token}`));
      return answers;
    });

  it('a session gets the same 404, whether it is unknown, malformed, foreign, expired or ended', async () => {
    const texts = new Set<string>();
    const tokens = [
      `session_${'0'.repeat(22)}`,
      `session_${'z'.repeat(22)}`,
      'session_',
      'count',
      'x',
      '%00',
      '%2F',
      '%F0%9D%92%B3',
      "'--",
      mine.token.toUpperCase(),
      `${mine.token}%20`,
      theirs.token,
      expired.token,
      ended.token,
    ];
    for (const token of tokens) {
      for (const answer of await endEach(token)) {
        expectProblem(answer, NOT_FOUND);
        texts.add(answer.text);
      }
    }
    expect(texts.size).toBe(1);
  });

  it('a foreign session stays alive', async () => {
    await endEach(theirs.token);
    expect(await listedBy(api.as(theirs.accessToken))).toEqual([theirs.token]);
  });

  it('a session that is not alive is neither extended nor seen', async () => {
    await expectNothingRecorded(world.owner, async () => {
      for (const token of [`session_${'0'.repeat(22)}`, 'x', ended.token, expired.token]) {
        expectProblem(
          await api.service.send('PATCH', `/api/sessions/${token}`, { body: { expiresInSeconds: 60 } }),
          NOT_FOUND,
        );
        expectProblem(await api.service.send('POST', `/api/sessions/${token}/activity`), NOT_FOUND);
      }
    });
  });

  it('a path that ends where the token should stand gets 400, and is never "all"', async () => {
    for (const nothing of [
      '',
      '?includeCurrent=true',
      '%20',
      '%09%0A',
      '%E3%80%80',
      '%20?includeCurrent=true',
    ]) {
      for (const answer of await endEach(nothing)) {
        expectProblem(answer, { status: 400, code: 'SESSION_TOKEN_MISSING' });
      }
    }
    expect(await listedBy(api.as(mine.accessToken))).toEqual([mine.token]);
  });

  it('a key gets the same 404, whether it is unknown, malformed or revoked', async () => {
    const { id } = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'n' });
    dataOf(await api.service.delete(`/api/keys/${id}`));
    await expectNothingRecorded(world.owner, async () => {
      for (const key of [id, `key_${'0'.repeat(22)}`, `key_${'z'.repeat(22)}`, 'x', 'bootstrap', '%20']) {
        expectProblem(await api.service.delete(`/api/keys/${key}`), {
          status: 404,
          code: 'API_KEY_NOT_FOUND',
        });
      }
    });
  });
});
