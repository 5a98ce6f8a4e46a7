import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { until } from '../harness/until.js';
import { projected } from './harness/projected.js';
import { dataOf, issue } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

interface Shown {
  readonly token: string;
  readonly issuedAt: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

let world: World;
let api: Api;
let other: Api;
let bus: NatsConnection;

beforeAll(async () => {
  world = await World.create();
  [api, other] = await Promise.all([world.startApi(), world.startApi(), world.startProjector()]);
  bus = await connect({ servers: world.nats.url });
  await until(
    () => activityMessages().catch(() => -1),
    (messages) => messages === 0,
  );
});
afterAll(async () => {
  await bus.close();
  await world.stop();
});

const activityMessages = async () =>
  (await (await jetstreamManager(bus)).streams.info('ACTIVITY')).state.messages;
const seen = (at: Api, token: string) => at.service.post(`/api/sessions/${token}/activity`, undefined);
const shown = async (at: Api, credential: string, token: string) =>
  dataOf(await at.as(credential).get(`/api/account/sessions/${token}`)) as Shown;

describe('telling that a session is in use', () => {
  it('shows at every process, once the projector has heard of it, in the list and on its own', async () => {
    const { token, accessToken, issuedAt } = await issue(api.service, 'ada');
    await projected(world);
    expect(await shown(other, accessToken, token)).toMatchObject({
      lastSeenAt: issuedAt,
      firstSeenAt: issuedAt,
    });

    expect(await seen(api, token)).toMatchObject({ status: 202, body: { data: { accepted: true } } });
    const { lastSeenAt } = await until(
      () => shown(other, accessToken, token),
      (session) => session.lastSeenAt > issuedAt,
    );
    expect(await shown(other, accessToken, token)).toMatchObject({ firstSeenAt: issuedAt });
    const [listed] = dataOf(await other.as(accessToken).get('/api/account/sessions')) as Shown[];
    expect(listed).toMatchObject({ token, lastSeenAt, firstSeenAt: issuedAt });
  });

  it('sends one message a minute for a session, however often it is told', async () => {
    const { token } = await issue(api.service, 'bob');
    const before = await activityMessages();
    for (let i = 0; i < 20; i++) expect((await seen(api, token)).status).toBe(202);
    await until(activityMessages, (messages) => messages > before);
    await bus.flush();
    expect(await activityMessages()).toBe(before + 1);
  });

  it('is refused for what does not live', async () => {
    const { token, accessToken } = await issue(api.service, 'carol');
    await api.as(accessToken).delete(`/api/account/sessions/${token}`);
    for (const unknown of [token, 'session_0000000000000000000000', 'x']) {
      expect(await seen(other, unknown)).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
    }
  });

  it('never enters the log, and is forgotten with the session', async () => {
    const { token, accessToken } = await issue(api.service, 'dave');
    await projected(world);
    const position = async () =>
      (await world.owner.query('SELECT position FROM event_log.head')).rows[0].position as number;
    const known = async () =>
      (await world.owner.query('SELECT FROM read_model.activity WHERE session_id = $1', [token])).rowCount;
    const before = await position();
    await seen(api, token);
    await until(known, (rows) => rows === 1);
    expect(await position()).toBe(before);
    await api.as(accessToken).delete(`/api/account/sessions/${token}`);
    await projected(world);
    expect(await known()).toBe(0);
  });
});

describe('looking at one session, and counting them', () => {
  it('shows own live sessions only, and the fingerprint of the current one only', async () => {
    const [current, another] = [
      await issue(api.service, 'erin', { fingerprint: 'f1', ipAddress: '203.0.113.7' }),
      await issue(api.service, 'erin', { fingerprint: 'f2' }),
    ];
    const foreign = await issue(api.service, 'frank');
    const asked = other.as(current.accessToken);
    expect(await shown(other, current.accessToken, current.token)).toMatchObject({
      token: current.token,
      isCurrent: true,
      fingerprint: 'f1',
      ipAddress: '203.0.113.7',
    });
    expect(await shown(other, current.accessToken, another.token)).toMatchObject({
      isCurrent: false,
      fingerprint: null,
    });
    for (const token of [foreign.token, 'x']) {
      expect(await asked.get(`/api/account/sessions/${token}`)).toMatchObject({
        status: 404,
        body: { code: 'SESSION_NOT_FOUND' },
      });
    }
    expect((await asked.get('/api/account/sessions/count')).body).toEqual({ data: { count: 2 } });
    await asked.delete(`/api/account/sessions/${another.token}`);
    expect((await asked.get('/api/account/sessions/count')).body).toEqual({ data: { count: 1 } });
  });
});
