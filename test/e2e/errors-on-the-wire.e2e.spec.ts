import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { BODIES } from './errors/bodies.js';
import { HEADERS } from './errors/headers.js';
import { NEW_KEYS } from './errors/new-keys.js';
import { NEW_SESSIONS } from './errors/new-sessions.js';
import { PATHS } from './errors/paths.js';
import { QUERIES } from './errors/queries.js';
import { expectProblem } from './harness/problem.js';
import { expectNothingRecorded } from './harness/recorded.js';
import { issue, type Issued } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

describe('what the API does not take', () => {
  let world: World;
  let api: Api;
  let session: Issued;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
    session = await issue(api.service, 'ada');
    await issue(api.service, 'ada');
  });
  afterAll(() => world.stop());

  describe.each([
    ['in a query', QUERIES],
    ['for a new session', NEW_SESSIONS],
    ['as a body', BODIES],
    ['for a new key', NEW_KEYS],
    ['in a header', HEADERS],
    ['as a path', PATHS],
  ])('%s', (_where, rows) => {
    it.each(rows)('%s', async (_what, who, method, path, sent, expected) => {
      const caller = { service: api.service, session: api.as(session.accessToken), nobody: api.as() }[who];
      await expectNothingRecorded(world.owner, async () => {
        expectProblem(await caller.send(method, path.replace('TOKEN', session.token), sent), expected);
      });
    });
  });
});
