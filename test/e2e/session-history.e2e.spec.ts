import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { devices } from './harness/devices.js';
import { expiredSession } from './harness/expired-session.js';
import { recordedEvents } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

interface Listed {
  readonly token: string;
  readonly expiresAt: string;
  readonly ipAddress: string | null;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly endedBy: string | null;
}

const OWN = '/api/account/sessions';
const NOTE = 'reported as stolen';
const OF_ADA = operatorPath('ada');

let world: World;
let api: Api;
let other: Api;
let operator: { id: string; key: string };
let expired: Issued;
let byUser: Issued;
let byOperator: Issued;
let current: Issued;
/** What the log says it is, after each step. */
const moments: Record<string, string> = {};

const timeOf = async (type: string, token: string) => {
  const events = await recordedEvents(world.owner, 'account-ada');
  const found = events.filter((event) => event.type === type && event.data.sessionId === token);
  return found.at(-1)!.recordedAt.toISOString();
};
const list = async (path: string, caller = api.service) => dataOf(await caller.get(path)) as Listed[];
const tokens = (sessions: readonly { token: string }[]) => sessions.map(({ token }) => token);

/** So that no two steps share a millisecond. */
async function step(name: string): Promise<void> {
  const { rows } = await world.owner.query<{ now: Date }>(
    `SELECT pg_sleep(0.002), clock_timestamp() AS now, pg_sleep(0.002)`,
  );
  moments[name] = rows[0]!.now.toISOString();
}

beforeAll(async () => {
  world = await World.create();
  [api, other] = await Promise.all([world.startApi(), world.startApi()]);
  operator = await createKey(api.service, { kind: 'service', name: 'desk', scopes: ['sessions:revoke'] });
  await step('nothing');
  expired = await expiredSession(world, 'ada');
  byUser = await issue(api.service, 'ada', devices[0]!.sent);
  await step('one');
  byOperator = await issue(api.service, 'ada', devices[1]!.sent);
  current = await issue(api.service, 'ada', devices[2]!.sent);
  await step('three');
  await api.service.send('PATCH', `/api/sessions/${current.token}`, {
    body: { expiresInSeconds: 7_000_000 },
  });
  await step('extended');
  dataOf(await api.as(current.accessToken).delete(`${OWN}/${byUser.token}`));
  dataOf(await api.as(operator.key).delete(`${OF_ADA}/${byOperator.token}`, { body: { note: NOTE } }));
  await step('ended');
});
afterAll(() => world.stop());

describe('the list of ended sessions', () => {
  it('tells when, why and by whom each has ended, newest first, at every process, with no projector running', async () => {
    for (const { service } of [api, other]) {
      expect(await list(`${OF_ADA}?status=ended`, service)).toEqual([
        expect.objectContaining({
          token: byOperator.token,
          ipAddress: devices[1]!.shown.ipAddress,
          endedAt: await timeOf('SessionRevoked', byOperator.token),
          endReason: 'operator',
          endedBy: operator.id,
        }),
        expect.objectContaining({
          token: byUser.token,
          endedAt: await timeOf('SessionRevoked', byUser.token),
          endReason: 'user',
          endedBy: current.token,
        }),
        expect.objectContaining({
          token: expired.token,
          endedAt: expired.expiresAt,
          endReason: 'expired',
          endedBy: null,
        }),
      ]);
    }
  });

  it('stands beside the live ones in the list of all, and adds up with it', async () => {
    const all = await list(`${OF_ADA}?status=all`);
    expect(tokens(all)).toEqual(tokens([current, byOperator, byUser, expired]));
    expect(all[0]).toMatchObject({ endedAt: null, endReason: null, endedBy: null });
    const { body } = await api.service.get(`${OF_ADA}?status=all&limit=2&page=2`);
    expect(tokens(body.data)).toEqual(tokens([byUser, expired]));
    expect(body.pagination).toEqual({ page: 2, perPage: 2, total: 4, totalPages: 2 });
    expect(await listedBy(api.service, OF_ADA)).toEqual([current.token]);
  });

  it('tells an account of its own, and not which service ended them', async () => {
    const { body } = await api.as(current.accessToken).get(`${OWN}?status=ended`);
    expect(body.currentToken).toBe(current.token);
    expect((body.data as Listed[]).map(({ endReason, endedBy }) => [endReason, endedBy])).toEqual([
      ['operator', null],
      ['user', current.token],
      ['expired', null],
    ]);
    const all = await list(`${OWN}?status=all`, api.as(current.accessToken));
    expect(all[0]).toMatchObject({ isCurrent: true, fingerprint: devices[2]!.sent.fingerprint });
  });

  it('has a revocation as soon as it was acknowledged', async () => {
    for (let i = 0; i < 10; i++) {
      const { token } = await issue(api.service, 'eve');
      expect(tokens(await list(`${operatorPath('eve')}?status=ended`, other.service))).not.toContain(token);
      dataOf(await api.service.delete(`${operatorPath('eve')}/${token}`));
      expect(tokens(await list(`${operatorPath('eve')}?status=ended`, other.service))).toContain(token);
    }
  });

  it.each(['', 'live', 'ended&status=all'])('does not take the status "%s"', async (status) => {
    for (const [caller, path] of [
      [api.service, OF_ADA],
      [api.as(current.accessToken), OWN],
    ] as const) {
      const { status: code, body } = await caller.get(`${path}?status=${status}`);
      expect([code, body.errors[0].field]).toEqual([400, 'status']);
    }
  });
});

describe('the sessions at a moment', () => {
  const at = (moment: string, more = '') => list(`${OF_ADA}?at=${moments[moment]}${more}`);

  it('are those that were live then', async () => {
    expect(await at('nothing')).toEqual([]);
    expect(tokens(await at('one'))).toEqual(tokens([byUser]));
    expect(tokens(await at('three'))).toEqual(tokens([current, byOperator, byUser]));
    expect(tokens(await at('ended'))).toEqual(tokens([current]));
    expect(await at('ended')).toEqual([expect.objectContaining({ endedAt: null })]);
  });

  it('have the end that was known then', async () => {
    const expiryAt = async (moment: string) =>
      (await at(moment)).find(({ token }) => token === current.token)!.expiresAt;
    expect(await expiryAt('three')).toBe(current.expiresAt);
    expect((await expiryAt('extended')) > current.expiresAt).toBe(true);
  });

  it('tell of the ended ones of then, with status', async () => {
    expect(tokens(await at('three', '&status=ended'))).toEqual([expired.token]);
    expect(tokens(await at('ended', '&status=all'))).toEqual(tokens([current, byOperator, byUser, expired]));
  });

  it('count to the last event of that millisecond', async () => {
    const ended = await timeOf('SessionRevoked', byUser.token);
    expect(tokens(await list(`${OF_ADA}?at=${ended}`))).not.toContain(byUser.token);
    const justBefore = new Date(Date.parse(ended) - 1).toISOString();
    expect(tokens(await list(`${OF_ADA}?at=${justBefore}`))).toContain(byUser.token);
  });

  it('live until the moment that they expire at', async () => {
    const [expiry, before] = [0, 1].map((ms) => new Date(Date.parse(expired.expiresAt) - ms).toISOString());
    // It was recorded after it had expired, so that only the log's own time counts.
    expect(await list(`${OF_ADA}?at=${expiry}`)).toEqual([]);
    expect(await list(`${OF_ADA}?at=${before}`)).toEqual([]);
  });

  it.each(['yesterday', '2026-11-24', '2999-01-01T00:00:00Z'])('are not those of "%s"', async (moment) => {
    const { status, body } = await api.service.get(`${OF_ADA}?at=${moment}`);
    expect([status, body.errors[0].field]).toEqual([400, 'at']);
  });
});

describe('the life of a session', () => {
  const pathOf = (token: string) => `/api/audit/sessions/${token}`;

  it('is told whole, oldest first, with who did what, from where and why', async () => {
    const life = dataOf(await other.service.get(pathOf(byOperator.token)));
    const [issued, revoked] = (await recordedEvents(world.owner, 'account-ada')).filter(
      ({ data }) => data.sessionId === byOperator.token,
    );
    const place = { accountId: 'ada', token: byOperator.token, keyId: null };
    const nothing = { ipAddress: null, userAgent: null, reason: null, note: null };
    expect(life).toEqual([
      {
        ...nothing,
        ...place,
        position: issued!.position,
        type: 'SessionIssued',
        recordedAt: await timeOf('SessionIssued', byOperator.token),
        actor: { type: 'service', id: 'bootstrap' },
        credential: 'bootstrap',
        ipAddress: devices[1]!.shown.ipAddress,
        userAgent: devices[1]!.sent.userAgent,
        commandId: expect.any(String),
        requestId: expect.any(String),
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      {
        ...nothing,
        ...place,
        position: revoked!.position,
        type: 'SessionRevoked',
        recordedAt: await timeOf('SessionRevoked', byOperator.token),
        actor: { type: 'service', id: operator.id },
        credential: operator.id,
        reason: 'operator',
        note: NOTE,
        commandId: expect.any(String),
        requestId: expect.any(String),
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
  });

  it('is only told to who may audit, and that it was is recorded', async () => {
    const auditor = await createKey(api.service, { kind: 'service', name: 'audit', scopes: ['audit:read'] });
    const before = await recordedEvents(world.owner, 'audit');
    dataOf(await api.as(auditor.key).get(pathOf(byUser.token)));
    const [read, ...more] = (await recordedEvents(world.owner, 'audit')).slice(before.length);
    expect(read).toMatchObject({
      type: 'AuditRead',
      data: { what: 'session', filter: { token: byUser.token } },
      metadata: { actor: { type: 'service', id: auditor.id } },
    });
    expect(more).toEqual([]);
    expect((await api.as(operator.key).get(pathOf(byUser.token))).status).toBe(403);
    expect((await api.as(current.accessToken).get(pathOf(byUser.token))).status).toBe(403);
  });

  it('is not there of what was never issued', async () => {
    for (const token of ['session_0000000000000000000000', 'x', current.accessToken]) {
      const { status, body } = await api.service.get(pathOf(token));
      expect([status, body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    }
  });
});
