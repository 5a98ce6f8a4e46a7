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
          if ('floor' in step) {
            floor = Math.max(floor, step.floor);
            held.raiseFloor(step.floor);
          } else {
            const isNew = !model.has(step.add) && step.add > floor;
            const answers = [held.has(step.add), held.add(step.add, positionOf(step.add))];
            if (answers[0] === isNew || answers[1] !== isNew)
              throw new Error(`${step.add}: ${String(answers)}`);
            model.add(step.add);
          }
          let through = floor;
          while (model.has(through + 1)) through++;
          const behind = [...model].filter((number) => number > through).sort((a, b) => a - b);
          const known = through > floor && model.has(through);
          expect(held).toMatchObject({
            through,
            nextHeld: behind[0],
            largest: behind.at(-1) ?? through,
            position: known ? positionOf(through) : held.position,
          });
          expect(held.position).toBeLessThanOrEqual(positionOf(through));
        }
      }),
      { numRuns: 500 },
    );
  });
});
