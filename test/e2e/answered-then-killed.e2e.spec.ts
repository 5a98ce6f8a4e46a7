import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats } from '../harness/nats.js';
import { startOwnPostgres, type OwnPostgres } from './harness/own-postgres.js';
import { recordedEvents } from './harness/recorded.js';
import { issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { World } from './harness/world.js';

const IN_FLIGHT = 32;

describe('API and PostgreSQL are killed while they answer', () => {
  let postgres: OwnPostgres;
  let world: World;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    world = World.on(postgres, await startNats());
  });
  afterAll(() => world.stop());

  it.each([1, IN_FLIGHT])('has every sign-in that was answered, %i of them', async (enough) => {
    const api = await world.startApi();
    const answered: Issued[] = [];
    const sent = Array.from({ length: IN_FLIGHT }, (_, i) => ({
      account: `a${enough}-${i}`,
      key: `k${enough}-${i}`,
    }));
    await new Promise<void>((resolve) => {
      for (const { account, key } of sent) {
        issue(api.service, account, {}, key).then(
          (session) => answered.push(session) === enough && resolve(),
          () => undefined,
        );
      }
    });
    await Promise.all([api.kill(), postgres.kill()]);
    await postgres.start();

    const recorded = (await recordedEvents(world.owner)).map(({ data }) => data.sessionId);
    expect(recorded).toEqual(expect.arrayContaining(answered.map(({ token }) => token)));

    const restarted = await world.startApi();
    const repeated = await Promise.all(
      sent.map(({ account, key }) => issue(restarted.service, account, {}, key)),
    );
    expect(repeated.map(({ accessToken }) => accessToken)).toEqual(
      expect.arrayContaining(answered.map(({ accessToken }) => accessToken)),
    );
    const listed = repeated.map(({ accountId }) => listedBy(restarted.service, operatorPath(accountId)));
    expect(await Promise.all(listed)).toEqual(repeated.map(({ token }) => [token]));
    await restarted.stop();
  });
});
