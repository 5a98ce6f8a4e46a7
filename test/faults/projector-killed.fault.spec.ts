import { jetstreamManager, type ConsumerInfo, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from '#event-log/connection.js';
import {
  isStatement,
  type PostgresProxy,
  startPostgresProxy,
  type WireMessage,
} from '../harness/postgres-proxy.js';
import { until } from '../harness/until.js';
import type { AppProcess } from '../e2e/harness/app-process.js';
import type { Load } from './harness/load.js';
import { System } from './harness/system.js';

const STREAM = 'SESSIONS';
const TABLES = { sessions: 'session', audit: 'audit_entry' } as const;
type Projection = keyof typeof TABLES;

const isWrite = (projection: Projection) => isStatement(`read_model-write-${projection}`);
/** Its answer, one column that names the projection, which PostgreSQL sends when it has committed. */
const isWritesAnswer =
  (projection: Projection) =>
  ({ from, type, text }: WireMessage) =>
    from === 'server' &&
    type === 'D' &&
    text.endsWith(`\0\x01\0\0\0${String.fromCharCode(projection.length)}${projection}`);

let system: System;
let load: Load;
let proxies: PostgresProxy[];

beforeEach(async () => {
  proxies = [];
  system = await System.start({ projectors: 0 });
  load = system.load();
});
afterEach(async () => {
  await system.stop();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

async function proxyToPostgres(): Promise<PostgresProxy> {
  const proxy = await startPostgresProxy(system.world.database.appUrl);
  proxies.push(proxy);
  return proxy;
}

const checkpoint = async (projection: Projection = 'sessions') => {
  const { rows } = await system.world.owner.query(
    'SELECT position FROM read_model.checkpoint WHERE projection = $1',
    [projection],
  );
  return (rows[0]?.position ?? 0) as number;
};

const head = async () =>
  (await system.world.owner.query('SELECT position FROM event_log.head')).rows[0].position as number;

async function caughtUp(...projections: Projection[]): Promise<void> {
  const position = await head();
  for (const projection of projections.length > 0 ? projections : (['sessions', 'audit'] as const)) {
    await until(
      () => checkpoint(projection),
      (reached) => reached >= position,
    );
  }
}

async function onStream<T>(use: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: system.world.nats.url });
  try {
    return await use(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

async function consumersOf(manager: JetStreamManager): Promise<ConsumerInfo[]> {
  const found: ConsumerInfo[] = [];
  for await (const consumer of manager.consumers.list(STREAM)) found.push(consumer);
  return found;
}

/** Of the projector: its projections share one. */
const newestConsumer = () =>
  onStream(async (manager) => {
    const byAge = (await consumersOf(manager))
      .filter(({ name }) => name.startsWith('session-projector'))
      .toSorted((a, b) => Date.parse(a.created) - Date.parse(b.created));
    return byAge.at(-1)!;
  });

/** A projector that is stopped short at a message between it and PostgreSQL, which gets nowhere any more. */
async function stoppedAt(matches: (message: WireMessage) => boolean, running = false) {
  const proxy = await proxyToPostgres();
  const start = () => system.addProjector({ DATABASE_URL: proxy.url });
  let projector: AppProcess | undefined;
  if (running) {
    projector = await start();
    await caughtUp();
  }
  const reached = proxy.trap(matches, 'freeze');
  projector ??= await start();
  await reached;
  return {
    async kill() {
      await system.killProjector(projector);
      proxies.splice(proxies.indexOf(proxy), 1);
      await proxy.close();
    },
  };
}

describe.each(['sessions', 'audit'] as const)('a projector of %s that is killed', (projection) => {
  const steps = {
    async 'before its transaction'() {
      const before = await checkpoint(projection);
      const victim = await stoppedAt(isWrite(projection));
      await victim.kill();
      expect(await checkpoint(projection)).toBe(before);
    },

    async 'in its transaction, which commits all the same'() {
      const [victim, successor] = [await system.addProjector(), await system.addProjector()];
      await caughtUp();
      const lock = await lockCheckpoint();
      const before = await checkpoint(projection);
      await until(writesThatWait, (count) => count === 1);
      await system.killProjector(victim);
      await until(writesThatWait, (count) => count === 2);
      expect(await checkpoint(projection)).toBe(before);
      await lock.release();
      await successor.logged('projector.fenced', { projection });
      await caughtUp();
      await system.killProjector(successor);
    },

    async 'behind its commit, before it learns of it'() {
      const before = await checkpoint(projection);
      const victim = await stoppedAt(isWritesAnswer(projection));
      await until(
        () => checkpoint(projection),
        (position) => position > before,
      );
      await victim.kill();
    },

    async 'behind the acknowledgement'() {
      const victim = await stoppedAt(isWrite(projection), true);
      const committed = await checkpoint(projection);
      await until(
        async () => (await newestConsumer()).ack_floor.stream_seq,
        (acknowledged) => acknowledged >= committed,
      );
      await victim.kill();
    },
  };

  it('at any of its steps loses nothing and applies nothing twice', async () => {
    for (const step of Object.values(steps)) {
      await load.answered(system.random.between(20, 100));
      await step();
    }
    await system.addProjector();
    await system.agrees(load);
  });

  async function lockCheckpoint() {
    const client = createClient(system.world.database.ownerUrl);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM read_model.checkpoint WHERE projection = $1 FOR UPDATE', [projection]);
    return {
      async release() {
        await client.query('COMMIT');
        await client.end();
      },
    };
  }

  async function writesThatWait(): Promise<number> {
    const { rowCount } = await system.world.owner.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signoff-projector'
         AND wait_event_type = 'Lock' AND query LIKE $1`,
      [`%UPDATE read_model.checkpoint%read_model.${TABLES[projection]} %`],
    );
    return rowCount!;
  }
});

describe('two projectors', () => {
  it('of which one freezes with a statement on its way: what arrives late changes nothing', async () => {
    const proxy = await proxyToPostgres();
    const slow = await system.addProjector({ DATABASE_URL: proxy.url });
    const other = await system.addProjector();
    await load.answered(100);
    await caughtUp();
    const late = proxy.trap(
      (message) => isWrite('sessions')(message) && message.text.includes('bystander'),
      'freeze',
    );
    await load.issue('bystander');
    await late;
    slow.freeze();
    await other.logged('projector.following', { projection: 'sessions' });
    await load.endAll('bystander');
    await caughtUp();
    proxy.thaw();
    slow.thaw();
    await slow.logged('projector.standby', { projection: 'sessions' });
    await system.agrees(load);
  });

  it('that freeze by turns take over from each other', async () => {
    let [active, standby] = [await system.addProjector(), await system.addProjector()];
    for (let round = 0; round < 3; round++) {
      await load.answered(system.random.between(20, 100));
      await caughtUp();
      active.freeze();
      const frozenAt = await head();
      await until(
        () => checkpoint(),
        (position) => position > frozenAt,
      );
      active.thaw();
      [active, standby] = [standby, active];
    }
    await system.agrees(load);
  });
});

describe("a projector's consumer", () => {
  beforeEach(() => system.addProjector());

  it('may be deleted at any time', async () => {
    for (let round = 0; round < 6; round++) {
      await load.answered(system.random.between(10, 100));
      await onStream(async (manager) => {
        for (const { name } of await consumersOf(manager)) await manager.consumers.delete(STREAM, name);
      });
      await caughtUp();
    }
    await system.agrees(load);
  });

  it('is in memory, and gone when nats-server is stopped or killed', async () => {
    const { nats } = system.world;
    await load.answered(20);
    await caughtUp();
    for (const end of [nats.stop, nats.kill, nats.kill]) {
      const { name } = await newestConsumer();
      await load.answered(system.random.between(20, 100));
      await end();
      await load.answered(system.random.between(20, 200));
      await nats.start();
      await caughtUp();
      expect((await newestConsumer()).name).not.toBe(name);
    }
    await system.agrees(load);
  });
});
