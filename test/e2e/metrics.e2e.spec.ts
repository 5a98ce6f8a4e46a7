import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { jetstream } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { connectBus } from '#bus/connect.js';
import { createClient } from '#event-log/connection.js';
import { until } from '../harness/until.js';
import { Scrape } from './harness/metrics.js';
import { projected } from './harness/projected.js';
import { dataOf, issue, type Issued, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const RELAY_LOCK = 51_600_002;
const LAGS = [
  ['relay', {}],
  ['projection', { projection: 'sessions' }],
  ['projection', { projection: 'audit' }],
] as const;

let world: World;
let api: Api;

/** By how much the series has grown over what was done. */
async function growth(done: () => Promise<unknown>) {
  const before = await Scrape.of(api.as());
  await done();
  const after = await Scrape.of(api.as());
  return (name: string, labels?: Record<string, string>) =>
    after.value(name, labels) - before.value(name, labels);
}

const relayStates = (scrape: Scrape) =>
  Object.fromEntries(
    [...scrape.valuesOf('signoff_relay_state', 'state')].map((state) => [
      state,
      scrape.value('signoff_relay_state', { state }),
    ]),
  );

describe('what an operator asks an API process', () => {
  beforeAll(async () => {
    world = await World.create();
  });
  afterAll(() => world.stop());

  describe('while nothing relays or projects', () => {
    const relay = { release: async () => {} };
    let began: number;

    beforeAll(async () => {
      const client = createClient(world.database.ownerUrl);
      await client.connect();
      await client.query('SELECT pg_advisory_lock($1)', [RELAY_LOCK]);
      relay.release = () => client.end();
      api = await world.startApi();
      began = performance.now();
      await issue(api.service, 'ada');
      await issue(api.service, 'ada');
    });

    it('both lags grow, in events and in seconds', async () => {
      const behind = await until(
        () => Scrape.of(api.as()),
        (scrape) => LAGS.every(([who, labels]) => scrape.value(`signoff_${who}_lag_seconds`, labels) > 0.5),
      );
      const most = (performance.now() - began) / 1_000;
      for (const [who, labels] of LAGS) {
        expect([who, behind.value(`signoff_${who}_lag_events`, labels)]).toEqual([who, 2]);
        expect(behind.value(`signoff_${who}_lag_seconds`, labels)).toBeGreaterThan(0.5);
        expect(behind.value(`signoff_${who}_lag_seconds`, labels)).toBeLessThan(most);
      }
      expect(behind.value('signoff_log_position')).toBe(2);
      expect(relayStates(behind)).toEqual({ standby: 1, relaying: 0, degraded: 0, refused: 0 });
    });

    it('and are gone when the relay leads and the projector runs', async () => {
      await relay.release();
      await world.startProjector();
      await projected(world);
      const caughtUp = await until(
        () => Scrape.of(api.as()),
        (scrape) => LAGS.every(([who, labels]) => scrape.value(`signoff_${who}_lag_events`, labels) === 0),
      );
      expect(relayStates(caughtUp)).toEqual({ standby: 0, relaying: 1, degraded: 0, refused: 0 });
      for (const [who, labels] of LAGS) {
        expect([who, caughtUp.value(`signoff_${who}_lag_events`, labels)]).toEqual([who, 0]);
        expect([who, caughtUp.value(`signoff_${who}_lag_seconds`, labels)]).toEqual([who, 0]);
      }
    });
  });

  it('how long each commit took, and how many appends shared it', async () => {
    const grown = await growth(() =>
      Promise.all(Array.from({ length: 40 }, (_, i) => issue(api.service, `account-${i}`))),
    );
    const commits = grown('signoff_append_batch_size_count');
    expect(grown('signoff_append_batch_size_sum')).toBe(40);
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThan(40);
    expect(grown('signoff_append_commit_seconds_count')).toBe(commits);
    expect(grown('signoff_append_commit_seconds_sum')).toBeGreaterThan(0);
  });

  it('how long answers take, by the template of the route and never by a path', async () => {
    const { token, accessToken }: Issued = await issue(api.service, 'bob');
    const grown = await growth(async () => {
      const account = api.as(accessToken);
      dataOf(await account.get('/api/account/sessions?page=1&limit=7'));
      await account.get('/api/account/sessions?limit=nonsense');
      dataOf(await account.delete(`/api/account/sessions/${token}`));
      dataOf(await api.service.get(operatorPath('bob')));
      await api.service.get('/somewhere/else?secret=1');
      await api.service.get('/api/accounts/%zz/sessions');
      await api.service.send('PUT', '/api/sessions');
    });
    const answered = (method: string, route: string, status: string) =>
      grown('signoff_http_request_seconds_count', { method, route, status });
    expect(answered('GET', '/api/account/sessions', '200')).toBe(1);
    expect(answered('GET', '/api/account/sessions', '400')).toBe(1);
    expect(answered('DELETE', '/api/account/sessions/:token', '200')).toBe(1);
    expect(answered('GET', '/api/accounts/:accountId/sessions', '200')).toBe(1);
    expect(answered('GET', 'none', '404')).toBe(1);
    expect(answered('GET', 'unreadable', '400')).toBe(1);
    expect(answered('PUT', 'none', '405')).toBe(1);
    const took = { method: 'GET', route: '/api/account/sessions', status: '200' };
    expect(grown('signoff_http_request_seconds_sum', took)).toBeGreaterThan(0);

    const routes = (await Scrape.of(api.as())).valuesOf('signoff_http_request_seconds_count', 'route');
    expect(routes.size).toBeGreaterThan(4);
    for (const route of routes)
      expect(route).toMatch(/^(none|unreadable|(\/(:?[A-Za-z]+|\.well-known|jwks\.json))+)$/);
  });

  it('what was refused, by code, also what no route or filter sees', async () => {
    const { port, hostname } = new URL(api.url);
    const grown = await growth(async () => {
      await api.as().get('/api/account/sessions');
      await api.as('garbage').get('/api/account/sessions');
      await api.service.get('/api/account/sessions');
      await api.service.post('/api/sessions', { accountId: '' });
      await api.service.get('/nowhere');
      await api.service.get('/api/accounts/%zz/sessions');
      const socket = connect(Number(port), hostname);
      socket.write('this is not HTTP\r\n\r\n');
      expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    });
    const codes = [
      'CREDENTIAL_MISSING',
      'CREDENTIAL_INVALID',
      'ACCOUNT_CREDENTIAL_REQUIRED',
      'INPUT_INVALID',
      'ROUTE_NOT_FOUND',
      'URL_MALFORMED',
      'REQUEST_MALFORMED',
    ];
    for (const code of codes) expect([code, grown('signoff_refusals_total', { code })]).toEqual([code, 1]);
    const all = (await Scrape.of(api.as())).valuesOf('signoff_refusals_total', 'code');
    for (const code of all) expect(code).toMatch(/^[A-Z_]+$/);
  });

  it('how its connections to PostgreSQL are used, also when there is none left to ask by', async () => {
    const ofPool = (scrape: Scrape, state: string) => scrape.value('signoff_pool_connections', { state });
    const quiet = await Scrape.of(api.as());
    expect(ofPool(quiet, 'open')).toBeGreaterThan(0);
    expect(ofPool(quiet, 'waited-for')).toBe(0);

    const blocker = createClient(world.database.ownerUrl);
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE event_log.event IN ACCESS EXCLUSIVE MODE');
    const asked = Array.from({ length: 15 }, () => api.service.get('/api/keys'));
    try {
      const busy = await until(
        () => Scrape.of(api.as()),
        (scrape) => ofPool(scrape, 'waited-for') >= 5,
      );
      expect(ofPool(busy, 'open')).toBe(10);
      expect(ofPool(busy, 'idle')).toBe(0);
      expect(busy.value('signoff_projection_lag_events', { projection: 'sessions' })).toBeNaN();
    } finally {
      await blocker.end();
    }
    await Promise.all(asked);
  });

  it('what is running', async () => {
    const scrape = await Scrape.of(api.as());
    expect([...scrape.valuesOf('signoff_build_info', 'app')]).toEqual(['sessions-api']);
    expect(scrape.valuesOf('signoff_build_info', 'node').size).toBe(1);
    expect([...scrape.valuesOf('signoff_build_info', 'version')]).toEqual([
      expect.stringMatching(/^\d+\.\d+\.\d+/),
    ]);
  });

  const publish = async (body: string, headers?: MsgHdrs) => {
    const bus = await connectBus(world.nats.url, 'test');
    await jetstream(bus).publish('sessions.revoked.1', body, { headers });
    await bus.close();
  };

  it('how often its relay has built the stream again', async () => {
    await api.stop();
    await publish('{}');
    api = await world.startApi();
    await api.logged('relay.stream-damaged');
    await until(
      () => Scrape.of(api.as()),
      (scrape) => scrape.value('signoff_stream_rebuilds_total') === 1,
    );
    await until(
      () => Scrape.of(api.as()),
      (scrape) => scrape.value('signoff_relay_lag_events') === 0,
    );
  });

  it('that its relay refuses a stream that is not the mirror of the log', async () => {
    const position = (await Scrape.of(api.as())).value('signoff_log_position') + 1;
    await api.stop();
    const ofAnotherLog = headers();
    ofAnotherLog.set('Signoff-Log', `${randomUUID()}/1`);
    ofAnotherLog.set('Signoff-Hash', 'ab'.repeat(32));
    await publish(JSON.stringify({ position }), ofAnotherLog);
    api = await world.startApi();
    await api.logged('relay.refused');
    const states = relayStates(await Scrape.of(api.as()));
    expect(states).toEqual({ standby: 0, relaying: 0, degraded: 0, refused: 1 });
  });
});
