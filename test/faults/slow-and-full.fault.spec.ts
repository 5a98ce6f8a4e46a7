import { createClient } from '#event-log/connection.js';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { createDatabase } from '../harness/database.js';
import { startNats } from '../harness/nats.js';
import { until } from '../harness/until.js';
import { type OwnPostgres, startOwnPostgres } from '../e2e/harness/own-postgres.js';
import { expectProblem } from '../e2e/harness/problem.js';
import { operatorPath } from '../e2e/harness/sessions.js';
import { type Api, World } from '../e2e/harness/world.js';
import type { Load } from './harness/load.js';
import { type SlowProxy, startSlowProxy } from './harness/slow-proxy.js';
import { System } from './harness/system.js';

const MAX_CONNECTIONS = 40;
const RESERVED_FOR_SUPERUSERS = 3;

let system: System;

afterEach(() => system.stop());

/** Commands and lists go on: what is slower than a client's patience may happen on a busy machine, but not often. */
async function goesOn(load: Load, answers: number): Promise<void> {
  const failures = load.failures;
  await load.answered(answers);
  expect(load.failures - failures).toBeLessThan(answers / 10);
}

describe('NATS that answers slowly', () => {
  let proxy: SlowProxy;

  afterEach(() => proxy.close());

  it('delays what others hear, and no command and no list', async () => {
    const [database, nats] = await Promise.all([createDatabase(), startNats()]);
    proxy = await startSlowProxy(nats.url);
    const world = Promise.resolve(World.on(database, { ...nats, url: proxy.url }));
    system = await System.start({ apis: 2, world });
    const load = system.load();
    // The last of them is longer than anybody waits for an answer of its.
    for (const delayMs of [50, 400, 3_000]) {
      proxy.delayMs = delayMs;
      await goesOn(load, 300);
    }
    proxy.delayMs = 0;
    for (let round = 0; round < 10; round++) {
      nats.freeze();
      await load.answered(system.random.between(1, 60));
      nats.thaw();
      await load.answered(system.random.between(1, 30));
    }
    await system.agrees(load);
  });
});

describe('a stream that is full', () => {
  it('holds up no command and no list, and takes everything when it is given room', async () => {
    system = await System.start({ apis: 0 });
    const cramped = await system.addApi({ STREAM_MAX_BYTES: '50000' });
    const load = system.load();
    await until(
      () => health(cramped),
      ({ degraded }) => degraded.includes('relay'),
    );
    await goesOn(load, 300);
    expect(await health(cramped)).toMatchObject({
      status: 'ready',
      relay: { state: 'degraded', reason: expect.stringContaining('maximum bytes exceeded') },
    });
    await system.addApi({ STREAM_MAX_BYTES: '500000000' });
    system.forget(cramped);
    await cramped.stop();
    await system.agrees(load);
  });

  const health = async (api: Api) =>
    (await api.service.get('/health/ready')).body as { degraded: string[]; relay: unknown };
});

describe('PostgreSQL that has no connection left', () => {
  let postgres: OwnPostgres;

  it('is answered with 503, and the same processes go on when it has some again', async () => {
    postgres = await startOwnPostgres({ max_connections: String(MAX_CONNECTIONS) });
    const world = startNats().then((nats) => World.on(postgres, nats));
    system = await System.start({ apis: 2, world });
    const load = system.load();
    for (let round = 0; round < 2; round++) {
      await load.answered(system.random.between(50, 200));
      const taken = await takeAllConnections();
      await load.failed(20);
      for (const { service } of system.apis) {
        expectProblem(await service.get(operatorPath('ada')), { status: 503, code: 'LOG_UNAVAILABLE' });
        expect((await service.get('/health/ready')).status).toBe(503);
      }
      await Promise.all(taken.map((client) => client.end()));
      await load.answered(100);
    }
    await system.agrees(load);
  });

  /**
   * Takes what is free and cuts off whoever holds the others, until only superusers could have one: as one of them,
   * since what was cut off may be back before it is taken.
   */
  async function takeAllConnections(): Promise<Client[]> {
    const taken: Client[] = [];
    const takeMore = async () => {
      // Several at a time: those that were cut off are coming back.
      for (let free = true; free;) {
        const clients = await Promise.all(Array.from({ length: 8 }, connected));
        taken.push(...clients.filter((client) => client !== undefined));
        free = clients.some(Boolean);
      }
      await taken[0]!.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'signoff-%'`,
      );
      return taken.length;
    };
    await until(takeMore, (count) => count >= MAX_CONNECTIONS - RESERVED_FOR_SUPERUSERS);
    return taken;
  }

  async function connected(): Promise<Client | undefined> {
    const client = createClient(postgres.ownerUrl);
    client.on('error', () => undefined);
    return client.connect().then(
      () => client,
      () => undefined,
    );
  }
});
