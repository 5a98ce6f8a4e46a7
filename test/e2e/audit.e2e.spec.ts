import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import type { Caller } from './harness/call.js';
import { createKey, dataOf, issue, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

interface Entry {
  readonly position: number;
  readonly type: string;
  readonly accountId: string | null;
  readonly token: string | null;
  readonly keyId: string | null;
  readonly actor: { readonly type: string; readonly id?: string } | null;
  readonly credential: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly reason: string | null;
  readonly note: string | null;
  readonly recordedAt: string;
  readonly hash: string;
}

interface Page {
  readonly data: readonly Entry[];
  readonly next: number | null;
  readonly asOf: { readonly position: number; readonly time: string | null };
}

let world: World;
let api: Api;
let auditor: Caller;
let ada: { token: string; accessToken: string };
let bob: { token: string; accessToken: string };
let keyId: string;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  ada = await issue(api.service, 'ada', { ipAddress: '2001:DB8::1', userAgent: 'curl/8.9' });
  bob = await issue(api.service, 'bob', { ipAddress: '203.0.113.5' });
  const own = await createKey(api.service, { kind: 'account', accountId: 'ada', name: 'phone' });
  keyId = own.id;
  dataOf(await api.service.delete(`${operatorPath('ada')}/${ada.token}`, { body: { note: 'stolen phone' } }));
  dataOf(await api.service.delete(`/api/keys/${keyId}`));
  const { key } = await createKey(api.service, { kind: 'service', name: 'auditor', scopes: ['audit:read'] });
  auditor = api.as(key);
});
afterAll(() => world.stop());

async function search(query = '', caller = auditor): Promise<Page> {
  const { status, body, headers } = await caller.get(`/api/audit${query}`);
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
  if (headers['cache-control'] !== 'no-store') throw new Error('may be stored');
  return body as Page;
}

/** Without the reads that are recorded meanwhile. */
const typesOf = ({ data }: Page) => data.map(({ type }) => type).filter((type) => type !== 'AuditRead');

describe.each(['that the projector has not come to', 'that the projector has applied'])(
  'what was recorded, %s,',
  (when) => {
    beforeAll(async () => {
      if (when.endsWith('not come to')) return;
      await world.startProjector();
      const applied = `SELECT checkpoint.position >= 6 AS applied FROM read_model.checkpoint WHERE projection = 'audit'`;
      await until(
        async () => (await world.owner.query(applied)).rows[0]?.applied as boolean,
        (isApplied) => isApplied,
      );
    });

    it('is told newest first, as plain records', async () => {
      const { data, asOf } = await search();
      expect(typesOf({ data } as Page)).toEqual([
        'ApiKeyCreated',
        'ApiKeyRevoked',
        'SessionRevoked',
        'ApiKeyCreated',
        'SessionIssued',
        'SessionIssued',
      ]);
      const revoked = data.find(({ type }) => type === 'SessionRevoked')!;
      const { rows } = await world.owner.query(
        `SELECT encode(hash, 'hex') AS hash, recorded_at FROM event_log.event WHERE position = $1`,
        [revoked.position],
      );
      expect(revoked).toEqual({
        position: 4,
        type: 'SessionRevoked',
        accountId: 'ada',
        token: ada.token,
        keyId: null,
        actor: { type: 'service', id: 'bootstrap' },
        credential: 'bootstrap',
        ipAddress: null,
        userAgent: null,
        reason: 'operator',
        note: 'stolen phone',
        commandId: expect.stringMatching(/^[\da-f-]{36}$/),
        requestId: expect.any(String),
        recordedAt: rows[0].recorded_at.toISOString(),
        hash: rows[0].hash,
      });
      expect(data.at(-1)).toMatchObject({ ipAddress: '2001:db8::1', userAgent: 'curl/8.9', position: 1 });
      expect(asOf).toEqual({ position: data[0]!.position, time: data[0]!.recordedAt });
    });

    it('is found by each of its sides, and by several at once', async () => {
      const all = (await search()).data;
      const firstAt = all.find(({ position }) => position === 2)!.recordedAt;
      const questions: [string, number[]][] = [
        ['accountId=ada', [5, 4, 3, 1]],
        ['accountId=bob', [2]],
        ['accountId=eve', []],
        [`session=${ada.token}`, [4, 1]],
        ['type=SessionIssued', [2, 1]],
        ['type=SessionIssued&accountId=bob', [2]],
        ['actor=bootstrap', [6, 5, 4, 3, 2, 1]],
        ['reason=operator', [4]],
        ['reason=operator&accountId=bob', []],
        ['ipAddress=2001:db8:0::1', [1]],
        ['ipAddress=203.0.113.5', [2]],
        ['ipAddress=::ffff:203.0.113.5', [2]],
        [
          `from=${firstAt}&before=4`,
          all.filter((one) => one.recordedAt >= firstAt && one.position < 4).map(({ position }) => position),
        ],
        [`to=${firstAt}`, all.filter((one) => one.recordedAt < firstAt).map(({ position }) => position)],
        ['from=2100-01-01T00:00:00Z', []],
        ['to=2000-01-01T00:00:00Z', []],
        ['before=3', [2, 1]],
        ['before=0', []],
      ];
      for (const [question, positions] of questions) {
        const { data } = await search(`?${question}`);
        expect([question, data.map(({ position }) => position)]).toEqual([question, positions]);
      }
    });

    it('comes in pages that go on where the one before ended', async () => {
      const pages: Page[] = [await search('?actor=bootstrap&limit=2')];
      while (pages.at(-1)!.next !== null) {
        pages.push(await search(`?actor=bootstrap&limit=2&before=${pages.at(-1)!.next}`));
      }
      expect(pages.map(({ data }) => data.map(({ position }) => position))).toEqual([
        [6, 5],
        [4, 3],
        [2, 1],
      ]);
      expect(pages.map(({ next }) => next)).toEqual([5, 3, null]);
    });
  },
);

describe('what was recorded of an account', () => {
  it('is told to its account without what others are to keep', async () => {
    const { accessToken } = await issue(api.service, 'carol', { ipAddress: '198.51.100.7' });
    const second = await issue(api.service, 'carol');
    dataOf(await api.as(accessToken).delete(`/api/account/sessions/${second.token}`));
    const third = await issue(api.service, 'carol');
    dataOf(await api.service.delete(`${operatorPath('carol')}/${third.token}`, { body: { note: 'secret' } }));
    const answer = await api.as(accessToken).get('/api/account/activity?limit=5');
    expect(answer.status).toBe(200);
    const { data } = answer.body as unknown as Page;
    expect(data.slice(0, 3)).toMatchObject([
      {
        type: 'SessionRevoked',
        token: third.token,
        reason: 'operator',
        actor: { type: 'service' },
        credential: null,
        note: null,
      },
      { type: 'SessionIssued', token: third.token, actor: { type: 'service' } },
      {
        type: 'SessionRevoked',
        token: second.token,
        actor: { type: 'account', id: 'carol' },
        credential: expect.stringMatching(/^session_/),
      },
    ]);
    expect(new Set(data.map(({ accountId }) => accountId))).toEqual(new Set(['carol']));
    expect(answer.text).not.toMatch(/bootstrap|secret|key_|AuditRead/);
    expect(answer.text).toContain('198.51.100.7');
  });
});

describe('an erased address', () => {
  it('is neither shown nor found, also before the projector has heard of it', async () => {
    await issue(api.service, 'mallory', { ipAddress: '192.0.2.66' });
    expect((await search('?ipAddress=192.0.2.66')).data).toHaveLength(1);
    await world.owner.query(
      `UPDATE event_log.subject_key SET wrapped_key = NULL WHERE stream_id = 'account-mallory'`,
    );
    expect((await search('?ipAddress=192.0.2.66')).data).toEqual([]);
    expect((await search('?accountId=mallory')).data).toMatchObject([{ ipAddress: null, userAgent: null }]);
  });
});

describe('a reader', () => {
  it('is recorded itself, without the address that was asked for', async () => {
    await search('?ipAddress=203.0.113.99&type=SessionIssued&limit=3');
    const { rows } = await world.owner.query(
      `SELECT data FROM event_log.event WHERE type = 'AuditRead' ORDER BY position DESC LIMIT 1`,
    );
    expect(JSON.parse(rows[0].data)).toEqual({
      what: 'entries',
      filter: { ipAddress: true, type: 'SessionIssued', limit: 3 },
    });
  });

  it.each([
    ['no credential', () => api.as(), 401],
    [
      'a service key without the scope',
      async () =>
        api.as((await createKey(api.service, { kind: 'service', name: 'x', scopes: ['sessions:read'] })).key),
      403,
    ],
    ['an account', () => api.as(bob.accessToken), 403],
  ] as const)('with %s is refused', async (_, caller, status) => {
    expect((await (await caller()).get('/api/audit')).status).toBe(status);
  });

  it('with a service key has no activity of its own', async () => {
    expect(await auditor.get('/api/account/activity')).toMatchObject({
      status: 403,
      body: { code: 'ACCOUNT_CREDENTIAL_REQUIRED' },
    });
  });

  it.each([
    ['accountId', 'accountId='],
    ['session', 'session=session_x'],
    ['type', 'type=SessionRenamed'],
    ['type', 'type=SessionIssued&type=SessionRevoked'],
    ['actor', 'actor='],
    ['reason', 'reason=because'],
    ['ipAddress', 'ipAddress=300.1.1.1'],
    ['from', 'from=yesterday'],
    ['to', 'to=2026-11-24T08:00:00'],
    ['before', 'before=-1'],
    ['before', 'before=1.5'],
    ['limit', 'limit=0'],
    ['limit', 'limit=101'],
  ])('who gives a wrong %s (%s) is told so', async (field, query) => {
    const { status, body } = await auditor.get(`/api/audit?${query}`);
    expect([status, body.errors]).toEqual([400, [expect.objectContaining({ field })]]);
  });
});
