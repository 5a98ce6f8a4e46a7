import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { BusListener } from './harness/bus-listener.js';
import { projected } from './harness/projected.js';
import { dataOf, issue, operatorPath } from './harness/sessions.js';
import { type CollectedSpan, TraceCollector } from './harness/trace-collector.js';
import { formsOf } from './harness/traces.js';
import { type Api, World } from './harness/world.js';

const SERVER = 2;
const CONSUMER = 5;
const ERROR = 2;

const newTrace = (sampled = true) => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` };
};

const recordedTraceparents = async ({ owner }: World, streamId: string) => {
  const { rows } = await owner.query<{ metadata: string }>(
    'SELECT metadata FROM event_log.event WHERE stream_id = $1 ORDER BY position',
    [streamId],
  );
  return rows.map(({ metadata }) => (JSON.parse(metadata) as { traceparent?: string }).traceparent);
};

describe('with a collector', () => {
  let world: World;
  let collector: TraceCollector;
  let api: Api;
  let bus: BusListener;

  beforeAll(async () => {
    collector = await TraceCollector.start();
    world = await World.create();
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` };
    api = await world.startApi(variables);
    await world.startProjector(variables);
    bus = await BusListener.start(world.nats.url, 'sessions.>');
  });
  afterAll(async () => {
    await bus.stop();
    await world.stop();
    await collector.stop();
  });

  const collected = (traceId: string, ...names: string[]) =>
    until(
      () => collector.ofTrace(traceId),
      (spans) => names.every((name) => spans.some((span) => span.name === name)),
    );
  const named = (spans: readonly CollectedSpan[], name: string) => {
    const found = spans.filter((span) => span.name === name);
    expect([name, found.length]).toEqual([name, 1]);
    return found[0]!;
  };

  it('one trace goes from the request over log and bus to the read model', async () => {
    const { traceId, spanId, traceparent } = newTrace();
    const body = { accountId: 'ada', ipAddress: '203.0.113.5', userAgent: 'curl/8.9', fingerprint: 'fp-1' };
    dataOf(await api.service.post('/api/sessions', body, { traceparent }), 201);

    const spans = await collected(traceId, 'POST /api/sessions', 'project');
    const request = named(spans, 'POST /api/sessions');
    const decide = named(spans, 'decide');
    const append = named(spans, 'append');
    const project = named(spans, 'project');
    expect(spans).toHaveLength(4);
    expect([request, decide, append, project].map(({ parentSpanId }) => parentSpanId)).toEqual([
      spanId,
      request.spanId,
      decide.spanId,
      append.spanId,
    ]);
    expect([request.service, project.service]).toEqual(['sessions-api', 'session-projector']);
    expect([request.kind, project.kind]).toEqual([SERVER, CONSUMER]);
    expect(request.attributes).toMatchObject({
      'http.route': '/api/sessions',
      'http.response.status_code': 201,
    });

    const onwards = `00-${traceId}-${append.spanId}-01`;
    expect(await recordedTraceparents(world, 'account-ada')).toEqual([onwards]);
    const [message] = await bus.has(1);
    expect(message!.headers!.values('traceparent')).toEqual([onwards]);
    expect(message!.json<{ metadata: { traceparent: string } }>().metadata.traceparent).toBe(onwards);

    const [relay] = await until(
      () => collector.spans.filter(({ name }) => name === 'relay'),
      (found) => found.length > 0,
    );
    expect(relay!.links).toMatchObject([{ traceId, spanId: append.spanId }]);
    expect(BigInt(project.endTimeUnixNano)).toBeGreaterThan(BigInt(request.startTimeUnixNano));
  });

  it('a request without a trace begins one', async () => {
    await issue(api.service, 'bob');
    const [recorded] = await recordedTraceparents(world, 'account-bob');
    const spans = await collected(recorded!.split('-')[1]!, 'POST /api/sessions', 'project');
    expect(named(spans, 'POST /api/sessions').parentSpanId ?? '').toBe('');
  });

  it('all that a command writes is projected in its trace', async () => {
    for (let i = 0; i < 3; i++) await issue(api.service, 'carol');
    await projected(world);
    const { traceId, traceparent } = newTrace();
    dataOf(await api.service.delete(operatorPath('carol'), { headers: { traceparent } }));
    const events = await until(
      () =>
        collector
          .ofTrace(traceId)
          .filter(({ name }) => name === 'project')
          .reduce((sum, { attributes }) => sum + Number(attributes['signoff.events']), 0),
      (sum) => sum >= 3,
    );
    expect(events).toBe(3);
  });

  it('each of many requests that are projected together has its own', async () => {
    const traces = Array.from({ length: 20 }, () => newTrace());
    await Promise.all(
      traces.map(async ({ traceparent }, i) => {
        const asked = await api.service.post('/api/sessions', { accountId: `many-${i}` }, { traceparent });
        dataOf(asked, 201);
      }),
    );
    for (const { traceId } of traces) named(await collected(traceId, 'project'), 'project');
  });

  it('a trace that nobody records is handed on and not recorded here either', async () => {
    const { traceId, traceparent } = newTrace(false);
    dataOf(await api.service.post('/api/sessions', { accountId: 'dora' }, { traceparent }), 201);
    const [recorded] = await recordedTraceparents(world, 'account-dora');
    expect(recorded).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    // Whatever was ended before this one would have arrived before it.
    const later = newTrace();
    dataOf(
      await api.service.post('/api/sessions', { accountId: 'dora' }, { traceparent: later.traceparent }),
      201,
    );
    await collected(later.traceId, 'POST /api/sessions', 'project');
    expect(collector.ofTrace(traceId)).toEqual([]);
  });

  it('a refusal is told by its code, and is no failure', async () => {
    const { traceId, traceparent } = newTrace();
    await api.service.delete(`${operatorPath('ada')}/session_guessed`, { headers: { traceparent } });
    const spans = await collected(traceId, 'DELETE /api/accounts/:accountId/sessions/:token');
    const decide = named(await collected(traceId, 'decide'), 'decide');
    expect(decide.attributes).toMatchObject({ 'signoff.refusal': 'SESSION_NOT_FOUND' });
    expect(spans.filter(({ status }) => status.code === ERROR)).toEqual([]);
  });

  it('no span has a secret, a person, a path or a query; health and metrics have none at all', async () => {
    const { traceId, traceparent } = newTrace();
    await api.as().get('/metrics', { traceparent });
    await api.as().get('/health/ready', { traceparent });
    const headers = { 'user-agent': 'Curious/9.1', 'x-forwarded-for': '203.0.113.77' };
    await api.service.get(`${operatorPath('erin')}?limit=99&page=x`, { traceparent, ...headers });
    const spans = await collected(traceId, 'GET /api/accounts/:accountId/sessions');
    expect(spans).toHaveLength(1);

    const everything = collector.received.map(({ body }) => body).join('\n');
    const none = ['203.0.113', 'curl/8.9', 'fp-1', 'Curious', 'limit=99', 'erin', '127.0.0.1', '"ada"'];
    const secrets = [world.bootstrapKey, world.masterKey].flatMap(formsOf);
    expect([...none, ...secrets].filter((one) => everything.includes(one))).toEqual([]);
    expect(new Set(collector.received.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
  });

  it('that is away, requests are answered as ever, and the log says so', async () => {
    const gone = await TraceCollector.start();
    const endpoint = gone.url;
    await gone.stop();
    const alone = await world.startApi({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    await issue(alone.service, `nobody-${randomUUID()}`);
    await alone.logged('tracing.failed');
    await alone.stop();
  });
});

describe('without a collector', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterAll(() => world.stop());

  it('a trace that a request brings is handed on as it is', async () => {
    const { traceparent } = newTrace();
    dataOf(await api.service.post('/api/sessions', { accountId: 'ada' }, { traceparent }), 201);
    expect(await recordedTraceparents(world, 'account-ada')).toEqual([traceparent]);
    const bus = await BusListener.start(world.nats.url, 'sessions.>');
    const [message] = await bus.has(1);
    expect(message!.headers!.values('traceparent')).toEqual([traceparent]);
    await bus.stop();
  });

  it.each(['no header', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, 'garbage'])(
    'none is made up: %s',
    async (traceparent) => {
      const headers: Record<string, string> = traceparent === 'no header' ? {} : { traceparent };
      const accountId = randomUUID();
      dataOf(await api.service.post('/api/sessions', { accountId }, headers), 201);
      expect(await recordedTraceparents(world, `account-${accountId}`)).toEqual([undefined]);
    },
  );
});
