import { afterEach, describe, expect, it } from '@jest/globals';
import { World } from '../e2e/harness/world.js';
import { answerProblems } from './harness/agreement.js';
import { System } from './harness/system.js';

let system: System;

afterEach(() => system.stop());

describe('a nats-server that is killed under load', () => {
  it('misses nothing when it comes back, as often as that happens', async () => {
    system = await System.start({ apis: 2, projectors: 2 });
    const { random, world } = system;
    const load = system.load();
    for (let round = 0; round < 4; round++) {
      await load.answered(random.between(50, 250));
      await world.nats.kill();
      await load.answered(random.between(20, 150));
      await world.nats.start();
    }
    await system.agrees(load);
  });
});

describe('a nats-server that is down from the start', () => {
  it('is missed by nobody who asks the API, and gets everything when it comes', async () => {
    const world = await World.create();
    await world.nats.stop();
    system = await System.start({ apis: 3, world: Promise.resolve(world) });
    const load = system.load();
    await load.answered(600);
    expect(await answerProblems(load, system.apis, system.random)).toEqual([]);
    expect(load.failures).toBe(0);
    await world.nats.start();
    await load.answered(200);
    await system.agrees(load);
  });
});
