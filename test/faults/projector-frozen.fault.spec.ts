import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { answerProblems } from './harness/agreement.js';
import { System } from './harness/system.js';

let system: System;

beforeEach(async () => {
  system = await System.start({ apis: 3 });
});
afterEach(() => system.stop());

describe('a projector that is frozen under load', () => {
  it('takes nothing from the lists of any process, nor leaves anything in them', async () => {
    const load = system.load({ accounts: 60 });
    const [projector] = system.projectors;
    await load.answered(300);
    for (let round = 0; round < 2; round++) {
      projector!.freeze();
      await load.answered(400);
      expect(await answerProblems(load, system.apis, system.random)).toEqual([]);
      projector!.thaw();
      await load.answered(200);
    }
    await system.agrees(load);
  });
});
