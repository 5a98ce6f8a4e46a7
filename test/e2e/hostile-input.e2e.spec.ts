import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { auditLog } from '../harness/audit.js';
import type { AppProcess } from './harness/app-process.js';
import { projected } from './harness/projected.js';
import { logPosition } from './harness/recorded.js';
import { type Api, World } from './harness/world.js';
import { Cast } from './hostile/cast.js';
import { Judge } from './hostile/judge.js';
import { Ledger } from './hostile/ledger.js';
import { leakInLog } from './hostile/leaks.js';
import { OTHER_ROUTES, type Route } from './hostile/request.js';
import { hostileRequest } from './hostile/requests.js';
import { sendAll, sendMisframed } from './hostile/sender.js';

const COUNT = Number(process.env.HOSTILE_REQUESTS ?? 10_000);
/** Says which requests are sent. To send the same again: `HOSTILE_SEED=…`, as printed. */
const SEED = Number(process.env.HOSTILE_SEED ?? randomInt(2 ** 31));
const MAX_RESIDENT_BYTES = 420 * 2 ** 20;

describe(`${COUNT} requests that nobody should send`, () => {
  let world: World;
  let api: Api;
  let projector: AppProcess;
  let judge: Judge;
  let ledger: Ledger;
  let start: number;

  beforeAll(async () => {
    process.stderr.write(`hostile input: HOSTILE_SEED=${SEED}\n`);
    world = await World.create();
    api = await world.startApi({ SESSIONS_PER_ACCOUNT: '12', LOG_LEVEL: 'trace' });
    await api.logged('relay.relaying');
    projector = await world.startProjector({ LOG_LEVEL: 'trace' });
    const cast = await Cast.assemble(api.service, world.bootstrapKey);
    ledger = new Ledger();
    judge = new Judge(cast, ledger, secretsOf(world));
    start = await logPosition(world.owner);
  });
  afterAll(() => world.stop());

  it('are each answered without a failure, a leak, or what only others may have', async () => {
    const requests = fc.sample(hostileRequest(await routesOf(api)), { numRuns: COUNT, seed: SEED });
    await sendAll(api.url, requests, judge);
    await sendMisframed(api.url, requests.slice(0, Math.ceil(COUNT / 10)), judge);
    expect(judge.findings.slice(0, 5)).toEqual([]);
    expect(judge.counts.accepted).toBeGreaterThan(COUNT / 10);
    expect(judge.counts.refused).toBeGreaterThan(COUNT / 3);
  }, 180_000);

  it('change nothing but what the accepted ones say', async () => {
    expect(await ledger.differences(world.owner, start)).toEqual([]);
    await auditLog(world.database.ownerUrl);
  });

  it('leave in the read model and every other table what the log says', async () => {
    await projected(world);
    const { rows } = await world.owner.query<{ what: string }>(UNEXPLAINED);
    expect(rows).toEqual([]);
  });

  it('leave nothing in the logs that is secret, personal or from inside', () => {
    const lines = [api, projector].flatMap((app) => app.output().split('\n'));
    const leaks = lines.flatMap((line) => leakInLog(line, secretsOf(world)) ?? []);
    expect(leaks.slice(0, 5)).toEqual([]);
    expect(lines.filter((line) => /"level":[56]0/.test(line)).slice(0, 5)).toEqual([]);
  });

  it('leave the process alive, and no larger than it may be', async () => {
    expect((await api.as().get('/health/ready')).body).toMatchObject({ status: 'ready', degraded: [] });
    const { text } = await api.as().get('/metrics');
    const resident = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
    process.stderr.write(
      `hostile input: ${JSON.stringify(judge.counts)}, ${Math.round(resident / 2 ** 20)} MiB\n`,
    );
    expect(resident).toBeGreaterThan(0);
    expect(resident).toBeLessThan(MAX_RESIDENT_BYTES);
  });
});

/** Rows outside the log that no event explains, and sessions of the log that have no row. */
const UNEXPLAINED = `
  WITH issued AS (SELECT data::json ->> 'sessionId' AS id FROM event_log.event WHERE type = 'SessionIssued'),
    revoked AS (SELECT data::json ->> 'sessionId' AS id FROM event_log.event WHERE type = 'SessionRevoked'),
    live AS (SELECT id FROM issued EXCEPT SELECT id FROM revoked),
    listed AS (SELECT session_id AS id FROM read_model.session),
    sealed AS (SELECT stream_id FROM event_log.event WHERE sealed IS NOT NULL)
  (SELECT 'not listed: ' || id AS what FROM live EXCEPT SELECT 'not listed: ' || id FROM listed)
  UNION ALL (SELECT 'listed: ' || id FROM listed EXCEPT SELECT 'listed: ' || id FROM live)
  UNION ALL SELECT 'seen: ' || session_id FROM read_model.activity WHERE session_id NOT IN (SELECT id FROM issued)
  UNION ALL SELECT 'a key for ' || stream_id FROM event_log.subject_key WHERE stream_id NOT IN (SELECT stream_id FROM sealed)
  UNION ALL SELECT 'two keys of a month for ' || stream_id FROM event_log.subject_key
    WHERE wrapped_key IS NOT NULL GROUP BY stream_id, month HAVING count(*) > 1
  UNION ALL SELECT count(*) || ' signing keys' FROM access.signing_key HAVING count(*) <> 1`;

const secretsOf = (world: World) => [
  world.bootstrapKey,
  world.masterKey,
  decodeURIComponent(new URL(world.database.appUrl).password),
];

/** Every route that OpenAPI tells of, and the few others; those that make something more often, so that there is enough. */
async function routesOf(api: Api): Promise<Route[]> {
  const { paths } = (await api.as().get('/openapi.json')).body as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
  const issue = { method: 'POST', path: '/api/sessions' };
  return [...described, ...OTHER_ROUTES, issue, issue];
}
