import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { append, keyed, newEvent, newHead } from '../../../test/harness/appends.js';
import { type LastGroup, logBehind } from './last-group.js';
import { moment } from './moment.js';

const NOW = 1_795_600_000_000;
const head = newHead(NOW);
const last = (rest: Partial<LastGroup> = {}): LastGroup => ({
  head,
  row: 'head',
  now: NOW,
  askedAt: moment(),
  followsOwn: true,
  ...rest,
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the log behind the last group of a writer', () => {
  it('has each stream where the first decision about it had it', () => {
    const appends = [
      { ...append('account-a', 5, newEvent()), expectedRow: 'a5' },
      append('account-b', 0, newEvent()),
      append('account-a', 6, newEvent()),
    ];
    expect(logBehind(last(), appends)).toMatchObject({
      head,
      streams: new Map([
        ['account-a', { version: 5, row: 'a5' }],
        ['account-b', { version: 0, row: null }],
      ]),
    });
  });

  it.each([
    ['whose version does not matter', append('account-a', null, newEvent())],
    ['without events', append('account-a', 5)],
    ['of a keyed command', { ...append('account-a', 5, newEvent()), command: keyed('k', 'x') }],
    ['that destroys keys', { ...append('account-a', 5, newEvent()), destroyedKeys: ['key'] }],
  ])('is not known for an append %s', (_, one) => {
    expect(logBehind(last(), [append('account-b', 1, newEvent()), one])).toBeUndefined();
  });

  it('is for an append that names keys to destroy, but none', () => {
    expect(logBehind(last(), [{ ...append('account-a', 5, newEvent()), destroyedKeys: [] }])).toBeDefined();
  });

  it('is not known where somebody else wrote in between', () => {
    expect(logBehind(last({ followsOwn: false }), [append('account-a', 5, newEvent())])).toBeUndefined();
  });

  it('has whole milliseconds, not before any that PostgreSQL has told since, and is known for 100 ms', () => {
    const askedAt = { monotonic: 1_000, wall: NOW };
    jest.spyOn(Date, 'now').mockReturnValue(NOW);
    const behindAfter = (ms: number) => {
      jest.spyOn(performance, 'now').mockReturnValue(1_000 + ms);
      return logBehind(last({ askedAt }), [append('account-a', 5, newEvent())])?.now;
    };
    expect([0, 0.2, 7, 99.5, 100].map(behindAfter)).toEqual([NOW, NOW + 1, NOW + 7, NOW + 100, undefined]);
  });
});
