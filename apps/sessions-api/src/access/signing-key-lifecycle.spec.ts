import { describe, expect, it } from '@jest/globals';
import { livesOf } from './signing-key-lifecycle.js';

const now = new Date('2026-11-24T12:00:00.000Z');
const MINUTE = 60_000;
const DAY = 86_400_000;
const at = (offset: number) => new Date(now.getTime() + offset);

interface Given {
  readonly kid: string;
  readonly from: number;
  readonly removed?: number;
  readonly forgotten?: boolean;
}

const lives = (...keys: Given[]) =>
  livesOf(
    keys.map(({ kid, from, removed, forgotten }) => ({
      kid,
      signsFrom: at(from),
      removedAt: removed === undefined ? null : at(removed),
      wrappedKey: forgotten || removed !== undefined ? null : Buffer.from(kid),
    })),
    now,
  );
const states = (...keys: Given[]) =>
  Object.fromEntries(lives(...keys).map(({ key, state }) => [key.kid, state]));

describe('the life of a signing key', () => {
  it('is one of waiting, signing, being superseded and retiring, by the time from which each key signs', () => {
    expect(
      states(
        { kid: 'd', from: MINUTE },
        { kid: 'c', from: -DAY },
        { kid: 'a', from: -400 * DAY, forgotten: true },
        { kid: 'b', from: -91 * DAY, forgotten: true },
      ),
    ).toEqual({ a: 'retired', b: 'superseded', c: 'current', d: 'next' });
  });

  it('signs from its time on, to the millisecond', () => {
    const old = { kid: 'old', from: -DAY };
    expect(states(old, { kid: 'new', from: 1 })).toEqual({ old: 'current', new: 'next' });
    expect(states(old, { kid: 'new', from: 0 })).toEqual({ old: 'superseded', new: 'current' });
  });

  it('stays published for 91 days after the next one signs, since a credential lives 90', () => {
    const old = { kid: 'old', from: -400 * DAY };
    const [superseded] = lives(old, { kid: 'new', from: -91 * DAY + 1 });
    expect(superseded).toMatchObject({ state: 'superseded', publishedUntil: at(1) });
    expect(states(old, { kid: 'new', from: -91 * DAY })).toMatchObject({ old: 'retired' });
  });

  it('has no end while no other key is to follow', () => {
    expect(lives({ kid: 'only', from: -400 * DAY })).toMatchObject([
      { state: 'current', publishedUntil: null, hasSignedItsLast: false },
    ]);
  });

  it('has signed its last an hour after the next one signs', () => {
    const old = { kid: 'old', from: -DAY };
    expect(lives(old, { kid: 'new', from: -60 * MINUTE + 1 })[0]).toMatchObject({ hasSignedItsLast: false });
    expect(lives(old, { kid: 'new', from: -60 * MINUTE })[0]).toMatchObject({ hasSignedItsLast: true });
  });

  it('goes on when the next one is removed before its time', () => {
    expect(lives({ kid: 'old', from: -DAY }, { kid: 'new', from: MINUTE, removed: -1 })).toMatchObject([
      { state: 'current', publishedUntil: null, hasSignedItsLast: false },
      { state: 'removed' },
    ]);
  });

  it('is not given back to a retired key when the one that superseded it is removed', () => {
    expect(
      states(
        { kid: 'old', from: -400 * DAY, forgotten: true },
        { kid: 'stolen', from: -100 * DAY, removed: 0 },
        { kid: 'new', from: 0 },
      ),
    ).toEqual({ old: 'retired', stolen: 'removed', new: 'current' });
  });

  it('is that of the current key before its time when no other can sign: the clock was set back', () => {
    expect(states({ kid: 'old', from: -DAY, forgotten: true }, { kid: 'new', from: MINUTE })).toEqual({
      old: 'superseded',
      new: 'current',
    });
  });
});
