import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats } from '../harness/nats.js';
import { type OwnPostgres, startOwnPostgres } from '../e2e/harness/own-postgres.js';
import { World } from '../e2e/harness/world.js';
import { System } from './harness/system.js';

let postgres: OwnPostgres;
let system: System;

beforeEach(async () => {
  postgres = await startOwnPostgres();
  const world = startNats().then((nats) => World.on(postgres, nats));
  system = await System.start({ apis: 2, projectors: 2, world });
});
afterEach(() => system.stop());

describe('PostgreSQL that is killed under load', () => {
  it.each(['crash', 'kill'] as const)(
    'has everything that was answered: the same processes go on by themselves (%s)',
    async (end) => {
      const load = system.load();
      for (let round = 0; round < 3; round++) {
        await load.answered(system.random.between(50, 300));
        await postgres[end]();
        await load.failed(10);
        await postgres.start();
        await load.answered(50);
      }
      await system.agrees(load);
    },
  );
});

describe('connections to PostgreSQL that are cut under load, all of them', () => {
  it('are replaced, however often', async () => {
    const load = system.load();
    let cut = 0;
    for (let round = 0; round < 20; round++) {
      await load.answered(system.random.between(1, 60));
      const { rowCount } = await system.world.owner.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      cut += rowCount!;
    }
    expect(cut).toBeGreaterThan(100);
    await load.answered(50);
    await system.agrees(load);
  });
});
