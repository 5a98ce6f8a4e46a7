import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from './harness/app-process.js';
import { BusListener } from './harness/bus-listener.js';
import type { Caller } from './harness/call.js';
import { devices } from './harness/devices.js';
import { projected } from './harness/projected.js';
import { recordedEvents } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const ACCOUNT = 'ada';
const OWN = '/api/account/sessions';

describe('the whole way, from four sign-ins to the last sign-out', () => {
  let world: World;
  let api: Api;
  let projector: AppProcess;
  let revocations: BusListener;
  const sessions: Issued[] = [];
  let first: Caller;
  let ways: (readonly [Caller, string])[];

  beforeAll(async () => {
    world = await World.create();
    [api, projector] = await Promise.all([world.startApi(), world.startProjector()]);
    revocations = await BusListener.start(world.nats.url, 'sessions.revoked.*');
    const accountKey = await createKey(api.service, { kind: 'account', accountId: ACCOUNT, name: 'panel' });
    await projected(world);
    projector.freeze();
    for (const { sent } of devices) sessions.push(await issue(api.service, ACCOUNT, sent));
    first = api.as(sessions[0]!.accessToken);
    ways = [
      [first, OWN],
      [api.as(accountKey.key), OWN],
      [api.service, operatorPath(ACCOUNT)],
    ];
  });
  afterAll(async () => {
    await revocations.stop();
    await world.stop();
  });

  const lists = () => Promise.all(ways.map(async ([caller, path]) => (await caller.get(path)).body));
  const tokens = (...kept: number[]) => kept.map((i) => sessions[i]!.token);
  let listedFromLog: { data: { expiresAtTimestamp: number }[] }[];

  it('lists the four devices, newest first, by every kind of credential, while the projector stands still', async () => {
    listedFromLog = await lists();
    for (const [caller, path] of ways) expect(await listedBy(caller, path)).toEqual(tokens(3, 2, 1, 0));
    const shown = dataOf(await api.service.get(operatorPath(ACCOUNT)));
    expect(shown).toMatchObject(devices.map(({ shown }) => shown).toReversed());
  });

  it('answers the same from the read model once it has caught up', async () => {
    projector.thaw();
    await projected(world);
    await world.owner.query(`UPDATE read_model.session SET expires_at = expires_at + interval '1 hour'`);
    const expected = listedFromLog.map((list) => ({
      ...list,
      data: list.data.map((session) => {
        const expiresAtTimestamp = session.expiresAtTimestamp + 3_600_000;
        return { ...session, expiresAtTimestamp, expiresAt: new Date(expiresAtTimestamp).toISOString() };
      }),
    }));
    expect(await lists()).toEqual(expected);
  });

  it('ends one session and no other', async () => {
    expect(dataOf(await first.delete(`${OWN}/${sessions[1]!.token}`))).toEqual({
      revoked: true,
      currentSessionRevoked: false,
    });
    expect((await api.as(sessions[1]!.accessToken).get(OWN)).status).toBe(401);
    for (const [caller, path] of ways) expect(await listedBy(caller, path)).toEqual(tokens(3, 2, 0));
  });

  it('ends all others and leaves the one that asks', async () => {
    expect(dataOf(await first.delete(OWN))).toEqual({ revoked: 2, currentSessionRevoked: false });
    for (const [caller, path] of ways) expect(await listedBy(caller, path)).toEqual(tokens(0));
  });

  it('ends the current one, and its credential gets 401', async () => {
    expect(dataOf(await first.delete(`${OWN}/${sessions[0]!.token}`))).toEqual({
      revoked: true,
      currentSessionRevoked: true,
    });
    expect((await first.get(OWN)).status).toBe(401);
    expect((await first.delete(OWN)).status).toBe(401);
    const { body } = await api.service.postForm('/api/introspect', { token: sessions[0]!.accessToken });
    expect(body).toEqual({ active: false });
    expect(await listedBy(api.service, operatorPath(ACCOUNT))).toEqual([]);
    await projected(world);
    expect(await listedBy(api.service, operatorPath(ACCOUNT))).toEqual([]);
  });

  it('shows a plain NATS client each revocation once, in order, numbered without a gap', async () => {
    const recorded = (await recordedEvents(world.owner)).filter(({ type }) => type === 'SessionRevoked');
    expect(recorded.map(({ data }) => data.sessionId)).toEqual(tokens(1, 2, 3, 0));

    const messages = await revocations.reached(recorded.at(-1)!.position);
    expect(messages.map(({ seq }) => seq)).toEqual(recorded.map(({ position }) => position));
    expect(messages.map((message) => message.json())).toMatchObject(
      recorded.map(({ position, data }, i) => ({
        type: 'SessionRevoked',
        accountId: ACCOUNT,
        position,
        revocation: i + 1,
        data,
      })),
    );
  });
});
