import { expect } from '@jest/globals';
import type { Decider } from '#domain/decider.js';
import { DomainError } from '#domain/domain-error.js';

/** `given(…history).when(command).expect(…events)`: what a decider says to a command after a history. */
export const scenario =
  <State, Command, Event>({ initialState, evolve, decide }: Decider<State, Command, Event>) =>
  (...history: Event[]) => ({
    when(command: Command) {
      const state = history.reduce((before, event) => evolve(before, event), initialState);
      return {
        expect: (...events: Event[]) => expect(decide(command, state)).toEqual(events),
        expectNothing: () => expect(decide(command, state)).toEqual([]),
        expectRefusal(code: DomainError['code'], field?: string) {
          expect(refusalOf(() => decide(command, state))).toEqual({ code, field });
        },
      };
    },
  });

function refusalOf(decide: () => unknown): unknown {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { code: error.code, field: error.field };
  }
}
