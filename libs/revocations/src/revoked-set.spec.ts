import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sessionIdFrom } from '../../domain/src/identifier.js';
import { RevokedSet } from './revoked-set.js';

const MINUTE = 60_000;

const anyId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(sessionIdFrom);
/** They differ in one or two digits: many share the last five, and with those the segment and the home. */
const crowdedId = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 21 }), fc.constantFrom(...'01234567')), {
    minLength: 1,
    maxLength: 2,
  })
  .map((changes) => {
    const digits = [...'0'.repeat(22)];
    for (const [at, digit] of changes) digits[at] = at === 0 && digit === '7' ? '6' : digit;
    return `session_${digits.join('')}`;
  });
const id = fc.oneof(anyId, crowdedId);
const minute = fc.integer({ min: 1, max: 40 });

type Step = { add: string; minute: number } | { sweep: number } | { clear: true };
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ add: id, minute }) },
    { weight: 3, arbitrary: fc.record({ sweep: minute }) },
    { weight: 1, arbitrary: fc.record({ clear: fc.constant(true as const) }) },
  ),
  { maxLength: 200, size: 'max' },
);

const sweepAll = (set: RevokedSet, now: number) => {
  for (let i = 0; i < 256; i++) set.sweep(now);
};

describe('whatever was added, dropped and added again', () => {
  it('is there exactly as in a Map', () => {
    fc.assert(
      fc.property(steps, fc.array(id), (steps: Step[], others) => {
        const set = new RevokedSet();
        const map = new Map<string, number>();
        const asked = new Set(others);
        for (const step of steps) {
          if ('add' in step) {
            set.add(step.add, step.minute * MINUTE);
            map.set(step.add, Math.max(step.minute, map.get(step.add) ?? 0));
            asked.add(step.add);
          } else if ('sweep' in step) {
            sweepAll(set, step.sweep * MINUTE);
            for (const [sessionId, until] of map) if (until <= step.sweep) map.delete(sessionId);
          } else {
            set.clear();
            map.clear();
          }
          if (set.size !== map.size) throw new Error(`${set.size} instead of ${map.size}`);
        }
        for (const sessionId of asked)
          if (set.has(sessionId) !== map.has(sessionId)) throw new Error(sessionId);
      }),
      { numRuns: 200 },
    );
  });
});

describe('twenty thousand identifiers', () => {
  /** Numbers that count up: not at all random. */
  const counted = (n: number) => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(12, n);
    return sessionIdFrom(bytes);
  };

  it('are all there, nothing else is, and none is left when their time has come', () => {
    const ids = Array.from({ length: 40_000 }, (_, n) => counted(n));
    const set = new RevokedSet();
    const holdsExactly = (isHeld: (n: number) => boolean) => {
      for (const [n, id] of ids.entries()) if (set.has(id) !== isHeld(n)) throw new Error(id);
    };
    for (const [n, id] of ids.entries()) if (n % 2 === 0) set.add(id, (n % 4 === 0 ? 10 : 20) * MINUTE);
    holdsExactly((n) => n % 2 === 0);
    sweepAll(set, 10 * MINUTE);
    expect(set.size).toBe(10_000);
    holdsExactly((n) => n % 4 === 2);
    sweepAll(set, 20 * MINUTE);
    expect(set.size).toBe(0);
  });
});

describe('how long an identifier is kept', () => {
  const one = sessionIdFrom(new Uint8Array(16).fill(0xff));
  const kept = (until: number, now: number) => {
    const set = new RevokedSet();
    set.add(one, until);
    sweepAll(set, now);
    return set.has(one);
  };

  it('is never shorter than was said', () => {
    const until = Date.parse('2026-11-24T08:00:30.500Z');
    expect(kept(until, until)).toBe(true);
    expect(kept(until, until + MINUTE)).toBe(false);
  });

  it.each([[0], [-1], [Number.MAX_SAFE_INTEGER], [Date.parse('9999-12-31T23:59:59Z')]])(
    'has its bounds: %s is no reason not to have it',
    (until) => {
      const set = new RevokedSet();
      set.add(one, until);
      expect(set.has(one)).toBe(true);
      sweepAll(set, Date.parse('2150-01-01T00:00:00Z'));
      expect(set.has(one)).toBe(false);
    },
  );
});

describe('what is no session identifier', () => {
  it.each([
    [''],
    ['session_'],
    ['session_7gfiSJW7S0Pn7sLHvPVYn'],
    ['session_7gfiSJW7S0Pn7sLHvPVYnhh'],
    ['sessionX7gfiSJW7S0Pn7sLHvPVYnh'],
    ['session_7gfiSJW7S0Pn7sLHvPVYn-'],
    ['session_7gfiSJW7S0Pn7sLHvPVYn\u{ff}'],
    ['key_7gfiSJW7S0Pn7sLHvPVYnh'],
    ['eyJhbGciOiJFZERTQSJ9.e30.AAAA0'],
    [undefined],
    [7],
    [['session_7gfiSJW7S0Pn7sLHvPVYnh']],
  ])('%s is refused, not answered', (text) => {
    expect(() => new RevokedSet().has(text as string)).toThrow(RangeError);
    expect(() => new RevokedSet().add(text as string, 1)).toThrow(RangeError);
  });

  it.each([
    ['session_7n42DGM5Tflk9n8mt7Fhc8'],
    [`session_${'z'.repeat(22)}`],
    ['session_7gfi-JW7S0Pn7sLHvPVYnh'],
  ])('%s is not added', (text) => {
    expect(() => new RevokedSet().add(text, 1)).toThrow(RangeError);
  });
});
