import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase } from '../harness/database.js';
import { startNats } from '../harness/nats.js';
import { isStatement, startPostgresProxy } from '../harness/postgres-proxy.js';
import { BusListener } from './harness/bus-listener.js';
import { startOwnPostgres, type OwnPostgres } from './harness/own-postgres.js';
import { expectProblem } from './harness/problem.js';
import { everythingRecorded, expectNothingRecorded, recordedEvents } from './harness/recorded.js';
import { createKey, issue, type Issued, listedBy } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const OPERATOR = '/api/accounts/ada/sessions';
const UNAVAILABLE = { status: 503, code: 'LOG_UNAVAILABLE' };

describe('PostgreSQL is away', () => {
  let postgres: OwnPostgres;
  let world: World;
  let api: Api;
  let bus: BusListener;
  let session: Issued;
  let accountKey: string;
  let before: unknown;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    world = World.on(postgres, await startNats());
    api = await world.startApi();
    session = await issue(api.service, 'ada');
    ({ key: accountKey } = await createKey(api.service, {
      kind: 'account',
      accountId: 'ada',
      name: 'panel',
    }));
    bus = await BusListener.start(world.nats.url, 'sessions.*.*');
    before = await everythingRecorded(world.owner);
    await postgres.stop();
  });
  afterAll(async () => {
    await bus.stop();
    await world.stop();
  });

  it('answers whatever needs it with 503, and when to come back', async () => {
    const owner = api.as(session.accessToken);
    expectProblem(await owner.get(OWN), UNAVAILABLE);
    expectProblem(await owner.get(`${OWN}/${session.token}`), UNAVAILABLE);
    expectProblem(await owner.delete(OWN), UNAVAILABLE);
    expectProblem(await owner.delete(`${OWN}/${session.token}`), UNAVAILABLE);
    expectProblem(await api.as(accountKey).get(OWN), UNAVAILABLE);
    expectProblem(await api.service.get(OPERATOR), UNAVAILABLE);
    expectProblem(await api.service.delete(OPERATOR), UNAVAILABLE);
    expectProblem(await api.service.post('/api/sessions', { accountId: 'ada' }), UNAVAILABLE);
    const keyed = { 'idempotency-key': 'later' };
    expectProblem(await api.service.post('/api/sessions', { accountId: 'ada' }, keyed), UNAVAILABLE);
    const extension = { body: { expiresInSeconds: 60 } };
    expectProblem(await api.service.send('PATCH', `/api/sessions/${session.token}`, extension), UNAVAILABLE);
    expectProblem(await api.service.send('POST', `/api/sessions/${session.token}/activity`), UNAVAILABLE);
    expectProblem(await api.service.postForm('/api/introspect', { token: session.accessToken }), UNAVAILABLE);
    expectProblem(await api.service.get('/api/keys'), UNAVAILABLE);
  });

  it('still refuses what it can refuse without', async () => {
    expectProblem(await api.as().get(OWN), { status: 401, code: 'CREDENTIAL_MISSING' });
    expectProblem(await api.service.post('/api/sessions', {}), {
      status: 400,
      code: 'INPUT_INVALID',
      fields: ['accountId'],
    });
  });

  it('says so in its health, and lives', async () => {
    const ready = await api.as().get('/health/ready');
    expect(ready).toMatchObject({ status: 503, body: { status: 'unavailable', degraded: ['postgresql'] } });
    expect(ready.headers['retry-after']).toBe('1');
    expect(await api.as().get('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect((await api.as().get('/.well-known/jwks.json')).body).toMatchObject({ keys: [{ kty: 'OKP' }] });
    expect((await api.as().get('/metrics')).text).toMatch(/^signoff_log_position Nan$/m);
  });

  it('goes on by itself when it is back, and nothing was written meanwhile', async () => {
    await postgres.start();
    expect(await everythingRecorded(world.owner)).toEqual(before);
    expect(await listedBy(api.as(session.accessToken))).toEqual([session.token]);
    const next = await issue(api.service, 'ada');
    expect(await listedBy(api.as(accountKey))).toEqual([next.token, session.token]);
    expect((await api.as().get('/health/ready')).body).toMatchObject({ status: 'ready' });

    const recorded = await recordedEvents(world.owner);
    const relayed = await bus.reached(recorded.at(-1)!.position);
    expect(relayed.map(({ seq }) => seq)).toEqual(recorded.map(({ position }) => position));
  });

  it('takes no commands while the log is ahead of its clock, and answers lists', async () => {
    const { rows } = await world.owner.query<{ at: string }>(
      'SELECT recorded_at::text AS at FROM event_log.head',
    );
    const setHead = (at: string) => world.owner.query('UPDATE event_log.head SET recorded_at = $1', [at]);
    await setHead(new Date(Date.now() + 60_000).toISOString());
    const behind = { status: 503, code: 'LOG_CLOCK_BEHIND' };
    await expectNothingRecorded(world.owner, async () => {
      expectProblem(await api.service.post('/api/sessions', { accountId: 'ada' }), behind);
      expectProblem(await api.as(session.accessToken).delete(OWN), behind);
    });
    expect(await listedBy(api.as(session.accessToken))).toHaveLength(2);
    await setHead(rows[0]!.at);
    await issue(api.service, 'ada');
  });
});

describe('a connection to PostgreSQL on which nothing moves any more', () => {
  it('holds its own request for a bounded time, and no other', async () => {
    const [database, nats] = await Promise.all([createDatabase(), startNats()]);
    const proxy = await startPostgresProxy(database.appUrl);
    const world = World.on({ ...database, appUrl: proxy.url }, nats);
    const api = await world.startApi();
    const frozen = proxy.trap(isStatement('list-active-sessions'), 'freeze');
    const held = api.service.get(OPERATOR);
    await frozen;
    await issue(api.service, 'ada');
    expect((await api.service.get(OPERATOR)).status).toBe(200);
    expectProblem(await held, UNAVAILABLE);
    proxy.thaw();
    await world.stop();
    await proxy.close();
  });
});
