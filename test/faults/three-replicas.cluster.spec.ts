import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatabase } from '../harness/database.js';
import { startNatsCluster, type TestCluster } from '../harness/nats-cluster.js';
import type { TestNats } from '../harness/nats.js';
import { until } from '../harness/until.js';
import { World } from '../e2e/harness/world.js';
import type { Load } from './harness/load.js';
import { System } from './harness/system.js';

const REPLICAS = { STREAM_REPLICAS: '3' };
/** A new leader is elected within seconds; a server that comes back is caught up when it has what the others have. */
const WHOLE_WITHIN_MS = 60_000;

let cluster: TestCluster;
let system: System;
let load: Load;

beforeEach(async () => {
  cluster = await startNatsCluster();
  const world = createDatabase().then((database) => World.on(database, cluster));
  system = await System.start({ apis: 0, projectors: 2, world });
  for (let i = 0; i < 2; i++) await system.addApi(REPLICAS);
  load = system.load();
  await whole();
});
afterEach(() => system.stop());

describe('three nats-servers, of which one', () => {
  it('is killed and comes back: the other two take everything', async () => {
    for (const server of inSomeOrder()) {
      await load.answered(system.random.between(20, 200));
      await server.kill();
      await load.answered(system.random.between(20, 200));
      await projected();
      await server.start();
      await whole();
    }
    await system.agrees(load);
  });

  it('is restarted, one after the other, as for a new version', async () => {
    for (const server of cluster.servers) {
      await server.stop();
      await server.start();
      await whole();
      await load.answered(50);
    }
    await system.agrees(load);
  });
});

describe('three nats-servers, of which two', () => {
  it('are killed: nothing is held up but what others hear, and they hear it when one is back', async () => {
    const [first, second] = inSomeOrder() as [TestNats, TestNats];
    await load.answered(100);
    await Promise.all([first.kill(), second.kill()]);
    const failures = load.failures;
    await load.answered(300);
    expect(load.failures - failures).toBeLessThan(30);
    await first.start();
    await projected();
    await second.start();
    await whole();
    await system.agrees(load);
  });
});

function inSomeOrder(): TestNats[] {
  const left = [...cluster.servers];
  return cluster.servers.map(() => left.splice(system.random.between(0, left.length - 1), 1)[0]!);
}

/** Resolves when the read model has everything that is in the log now. */
async function projected(): Promise<void> {
  const positionOf = async (table: string) =>
    (await system.world.owner.query(`SELECT position FROM ${table}`)).rows[0]?.position as number | undefined;
  const head = await positionOf('event_log.head');
  await until(
    () => positionOf(`read_model.checkpoint WHERE projection = 'sessions'`),
    (position) => position! >= head!,
    WHOLE_WITHIN_MS,
  );
}

/** Resolves when every server has everything. */
async function whole(): Promise<void> {
  await until(
    () => streamInfo().catch((error: Error) => error.message),
    (info) => typeof info === 'object' && isWhole(info),
    WHOLE_WITHIN_MS,
  );
}

async function streamInfo(): Promise<StreamInfo> {
  const connection = await connect({ servers: cluster.url.split(',') });
  try {
    return await (await jetstreamManager(connection)).streams.info('SESSIONS');
  } finally {
    await connection.close();
  }
}

const isWhole = ({ cluster }: StreamInfo) =>
  cluster?.leader !== undefined &&
  cluster.replicas?.length === 2 &&
  cluster.replicas.every(({ current, offline }) => current && !offline);
