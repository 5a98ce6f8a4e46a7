import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { System } from './harness/system.js';

/** What docs/operations.md states; a busy machine gets some more before it counts as broken. */
const STOPPED_MS = 10_000 + 5_000;

let system: System;

beforeEach(async () => {
  system = await System.start({ apis: 3, projectors: 2 });
});
afterEach(() => system.stop());

describe('processes that are told to stop under load', () => {
  it('answer what they are being asked, lose nothing, and end with 0 in time', async () => {
    const load = system.load({ clients: 20, restMs: 5 });
    for (let round = 0; round < 3; round++) {
      await load.answered(system.random.between(100, 300));
      const api = round === 0 ? await system.relayLeader() : system.random.pick(system.apis);
      const began = performance.now();
      const asked = load.inFlight(api);
      const stopped = api.stop();
      system.forget(api);
      expect(await asked).not.toContain(undefined);
      await stopped;
      const tookMs = Math.round(performance.now() - began);
      console.log(`an API process ended ${tookMs} ms after it was told to`);
      expect(tookMs).toBeLessThan(STOPPED_MS);
      const projector = system.projectors.shift()!;
      await projector.stop();
      await Promise.all([system.addApi(), system.addProjector()]);
    }
    await system.agrees(load);
  });
});
