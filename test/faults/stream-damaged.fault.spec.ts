import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { until } from '../harness/until.js';
import type { Load } from './harness/load.js';
import { System } from './harness/system.js';

/** Ten seconds until it is seen; the rest is the refill, on a machine that may be busy. */
const MENDED_MS = 10_000 + 20_000;

let system: System;
let load: Load;

beforeAll(async () => {
  system = await System.start({ apis: 2, projectors: 2 });
  load = system.load();
  await load.answered(300);
});
afterAll(() => system.stop());

async function manage<Result>(work: (manager: JetStreamManager) => Promise<Result>): Promise<Result> {
  const connection = await connect({ servers: system.world.nats.url });
  try {
    return await work(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

const head = async () =>
  (await system.world.owner.query('SELECT position FROM event_log.head')).rows[0].position as number;
const checkpoint = async () =>
  (await system.world.owner.query(`SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'`))
    .rows[0].position as number;

const store = () => join(system.world.nats.storeDir, 'jetstream');

const damages: Record<string, () => Promise<unknown>> = {
  async 'its end is lost: an older copy of the store is put back'() {
    const { nats } = system.world;
    const copy = join(nats.storeDir, 'copy');
    await nats.stop();
    await cp(store(), copy, { recursive: true });
    await nats.start();
    await load.answered(200);
    await nats.kill();
    await rm(store(), { recursive: true });
    await cp(copy, store(), { recursive: true });
    await rm(copy, { recursive: true });
    await nats.start();
  },
  'messages in the middle are deleted': () =>
    manage(async (manager) => {
      const issued = await manager.streams.getMessage('SESSIONS', { seq: 100 });
      await manager.streams.purge('SESSIONS', { filter: issued!.subject });
    }),
  'somebody else publishes into it': () =>
    manage(async (manager) => {
      for (let i = 0; i < 3; i++) await manager.jetstream().publish('sessions.issued.7', '{"position":1}');
    }),
  'it is deleted': () => manage((manager) => manager.streams.delete('SESSIONS')),
  async 'the whole store is wiped'() {
    await system.world.nats.kill();
    await rm(store(), { recursive: true });
    await system.world.nats.start();
  },
};

describe('the stream under load, when', () => {
  it.each(Object.keys(damages))('%s: has every event again, and the projector goes on', async (damage) => {
    await load.answered(system.random.between(100, 200));
    await damages[damage]!();
    const due = await head();
    const began = performance.now();
    await until(
      () => manage(async (manager) => (await manager.streams.info('SESSIONS').catch(() => undefined))?.state),
      (state) =>
        state !== undefined &&
        state.last_seq >= due &&
        state.messages === state.last_seq - state.first_seq + 1,
      MENDED_MS,
    );
    await until(checkpoint, (reached) => reached >= due, MENDED_MS);
    console.log(`${damage}: mended after ${Math.round(performance.now() - began)} ms`);
  });

  it('and after all that everything agrees', () => system.agrees(load));
});
