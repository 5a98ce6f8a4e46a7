import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { System } from './harness/system.js';

let system: System;

beforeEach(async () => {
  system = await System.start({ apis: 3 });
});
afterEach(() => system.stop());

describe('API processes that are killed under load', () => {
  it('lose nothing acknowledged, whoever of them leads', async () => {
    const { random } = system;
    const load = system.load();
    for (let round = 0; round < 5; round++) {
      await load.answered(random.between(100, 400));
      const victim = round % 2 === 0 ? await system.relayLeader() : random.pick(system.apis);
      await system.killApi(victim);
      await load.answered(random.between(50, 200));
      await system.addApi();
    }
    await load.answered(100);
    await system.agrees(load);
  });
});

describe('an API process that is frozen while it holds the lock of the head', () => {
  it('holds up the others for three seconds at most, and does no harm when it thaws', async () => {
    const load = system.load();
    await load.answered(200);
    const frozen = system.apis[0]!;
    await freezeInTransaction(frozen);
    const committed = async () =>
      (await system.world.owner.query('SELECT position FROM event_log.head')).rows;
    const before = await committed();
    const began = performance.now();
    while (JSON.stringify(await committed()) === JSON.stringify(before)) await sleep(10);
    console.log(`the others committed again after ${Math.round(performance.now() - began)} ms`);
    expect(performance.now() - began).toBeLessThan(3_000 + 2_000);
    system.forget(frozen);
    await load.answered(200);
    frozen.thaw();
    system.apis.push(frozen);
    await load.answered(200);
    await system.agrees(load);
  });

  async function freezeInTransaction(api: (typeof system.apis)[0]): Promise<void> {
    for (;;) {
      await sleep(system.random.between(1, 20));
      api.freeze();
      await sleep(40);
      const { rows } = await system.world.owner.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signoff-writer'
           AND state = 'idle in transaction' AND clock_timestamp() - xact_start > interval '30 ms'`,
      );
      if (rows.length > 0) return;
      api.thaw();
    }
  }
});
