import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AppProcess } from './harness/app-process.js';
import { projected } from './harness/projected.js';
import { recordedEvents } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const ROUNDS = 15;

describe.each(['absent', 'frozen'])('two API processes, the projector %s', (projectorIs) => {
  let world: World;
  let here: Api;
  let there: Api;
  let projector: AppProcess | undefined;
  let account: string;
  let asking: Issued;
  let other: Issued;
  let accounts = 0;

  beforeAll(async () => {
    world = await World.create();
    [here, there] = await Promise.all([world.startApi(), world.startApi()]);
  });
  afterAll(() => world.stop());

  beforeAll(async () => {
    if (projectorIs === 'frozen') projector = await world.startProjector();
  });

  // Two sessions, known `here` and to the read model; what happens `there` afterwards is news to both.
  beforeEach(async () => {
    account = `account-${accounts++}`;
    asking = await issue(here.service, account);
    other = await issue(here.service, account);
    projector?.thaw();
    if (projector) await projected(world);
    projector?.freeze();
    await listedBy(here.as(asking.accessToken));
    await listedBy(here.as(other.accessToken));
  });

  const isActive = async (api: Api, { accessToken }: Issued) =>
    ((await api.service.postForm('/api/introspect', { token: accessToken })).body as { active: boolean })
      .active;

  it('ends a session here that was issued there a moment ago', async () => {
    const fresh = await issue(there.service, account);
    dataOf(await here.as(asking.accessToken).delete(`${OWN}/${fresh.token}`));
    expect(await isActive(there, fresh)).toBe(false);
  });

  it('accepts a credential here that was issued there a moment ago', async () => {
    const fresh = await issue(there.service, account);
    expect(await isActive(here, fresh)).toBe(true);
    expect(await listedBy(here.as(fresh.accessToken))).toEqual([fresh.token, other.token, asking.token]);
  });

  it('accepts no credential here whose session was ended there', async () => {
    dataOf(await there.as(asking.accessToken).delete(`${OWN}/${other.token}`));
    const ended = here.as(other.accessToken);
    expect(await isActive(here, other)).toBe(false);
    expect((await ended.get(OWN)).status).toBe(401);
    expect((await ended.delete(OWN)).status).toBe(401);
    expect((await ended.delete(`${OWN}/${asking.token}`)).status).toBe(401);
    expect(await isActive(there, asking)).toBe(true);
  });

  it.each(['', '/:asking'])(
    'lets nobody end sessions%s here who was signed out there a moment ago',
    async (which) => {
      await listedBy(here.as(other.accessToken));
      dataOf(await there.as(asking.accessToken).delete(`${OWN}/${other.token}`));
      const path = OWN + which.replace(':asking', asking.token);
      expect((await here.as(other.accessToken).delete(path)).status).toBe(401);
      expect(await isActive(there, asking)).toBe(true);
    },
  );

  it('does not end a session twice', async () => {
    dataOf(await there.as(asking.accessToken).delete(`${OWN}/${other.token}`));
    expect((await here.as(asking.accessToken).delete(`${OWN}/${other.token}`)).status).toBe(404);
    const events = await recordedEvents(world.owner, `account-${account}`);
    expect(events.filter(({ type }) => type === 'SessionRevoked')).toHaveLength(1);
  });

  it('misses no session when "all others" are ended here', async () => {
    const fresh = await issue(there.service, account);
    expect(dataOf(await here.as(asking.accessToken).delete(OWN))).toEqual({
      revoked: 2,
      currentSessionRevoked: false,
    });
    for (const api of [here, there]) {
      expect(await isActive(api, fresh)).toBe(false);
      expect(await listedBy(api.service, operatorPath(account))).toEqual([asking.token]);
    }
  });

  it('accepts no API key here that was revoked there', async () => {
    const { id, key } = await createKey(here.service, { kind: 'account', accountId: account, name: 'a key' });
    dataOf(await here.as(key).get(OWN));
    dataOf(await there.service.delete(`/api/keys/${id}`));
    expect((await here.as(key).get(OWN)).status).toBe(401);
  });

  it('lists what was acknowledged at the other process, each time', async () => {
    let listed = [other.token, asking.token];
    for (let round = 0; round < ROUNDS; round++) {
      const [writes, reads] = round % 2 === 0 ? [here, there] : [there, here];
      const { token } = await issue(writes.service, account);
      listed = [token, ...listed];
      expect(await listedBy(reads.service, operatorPath(account))).toEqual(listed);

      const ended = listed.splice(1, 1)[0]!;
      dataOf(await reads.service.delete(`${operatorPath(account)}/${ended}`));
      expect(await listedBy(writes.service, operatorPath(account))).toEqual(listed);
    }
  });
});
