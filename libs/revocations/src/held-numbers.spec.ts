import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HeldNumbers } from './held-numbers.js';

const number = fc.integer({ min: 1, max: 40 });
const steps = fc.array(fc.oneof(fc.record({ add: number }), fc.record({ floor: number })), { maxLength: 80 });
const positionOf = (number: number) => number * 3;

describe('numbers in any order, any number of times, with a floor that rises', () => {
  it('are held up to the first that is missing', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const held = new HeldNumbers();
        const model = new Set<number>();
        let floor = 0;
        for (const step of steps) {
          if ('add' in step) {
            const isNew = !model.has(step.add) && step.add > floor;
            expect(held.has(step.add)).toBe(!isNew);
            expect(held.add(step.add, positionOf(step.add))).toBe(isNew);
            model.add(step.add);
          } else {
            floor = Math.max(floor, step.floor);
            held.raiseFloor(step.floor);
          }
          let through = floor;
          while (model.has(through + 1)) through++;
          const behind = [...model].filter((number) => number > through).sort((a, b) => a - b);
          expect(held.through).toBe(through);
          expect(held.nextHeld).toBe(behind[0]);
          expect(held.largest).toBe(behind.at(-1) ?? through);
          expect(held.position).toBeLessThanOrEqual(positionOf(through));
          if (model.has(through) && floor < through) expect(held.position).toBe(positionOf(through));
        }
      }),
      { numRuns: 500 },
    );
  });
});
