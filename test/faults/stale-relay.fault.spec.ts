import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RunningRelay } from '../harness/running-relay.js';
import { System } from './harness/system.js';

/** The promise; a busy machine gets some more before it counts as broken. */
const TAKEN_OVER_MS = 5_000 + 5_000;

let system: System;

beforeEach(async () => {
  system = await System.start({ apis: 3 });
});
afterEach(() => system.stop());

/** The relay mends what is foreign in the stream: whether there ever was anything shows in what it said. */
const damaged = () => system.apis.filter((api) => api.output().includes('relay.stream-damaged'));

describe('the process that relays, frozen under load', () => {
  it('is replaced within five seconds, and publishes nothing twice or out of order when it wakes up', async () => {
    const load = system.load();
    for (let round = 0; round < 3; round++) {
      await load.answered(system.random.between(80, 200));
      const stale = await system.relayLeader();
      stale.freeze();
      system.forget(stale);
      const began = performance.now();
      await system.relayLeader();
      const tookMs = Math.round(performance.now() - began);
      console.log(`another process relays after ${tookMs} ms`);
      expect(tookMs).toBeLessThan(TAKEN_OVER_MS);
      await load.answered(system.random.between(20, 80));
      stale.thaw();
      system.apis.push(stale);
    }
    await load.answered(100);
    await system.agrees(load);
    expect(damaged()).toEqual([]);
  });
});

describe('two relays that both believe to lead', () => {
  it('publish each event once, in order, all the same', async () => {
    const { owner, nats } = system.world;
    const load = system.load({ restMs: 5 });
    const second = await RunningRelay.start(owner, nats.url);
    const wakeUps = setInterval(() => second.wake(), 2);
    await load.answered(1_500);
    clearInterval(wakeUps);
    await second.stop();
    await system.agrees(load);
    expect(second.said).not.toContain('relay.stream-damaged');
    expect(damaged()).toEqual([]);
  });
});
