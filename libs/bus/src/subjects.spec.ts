import { describe, expect, it } from '@jest/globals';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { namesOf, subjectOf } from './subjects.js';

const types = Object.keys(EVENT_TYPES);

describe('the subject of an event', () => {
  it.each([
    ['SessionIssued', 'account-alice', 'sessions.issued.19'],
    ['SessionRevoked', 'account-alice', 'sessions.revoked.19'],
    ['SessionExtended', 'account-Жанна 🦊', 'sessions.extended.12'],
    ['ApiKeyCreated', 'key-0000000000000000000001', 'sessions.key-created.17'],
  ])('%s of %s is %s, for ever', (type, streamId, subject) => {
    expect(subjectOf({ type, streamId })).toBe(subject);
  });

  it.each(types)('has a token and a name for %s', (type) => {
    expect(namesOf(type).token).toMatch(/^[a-z][a-z-]*$/);
    expect(namesOf(type).name).toMatch(/^[a-z][a-z-]*\.[a-z]+$/);
  });

  it('has a token and a name of its own for each type', () => {
    expect(new Set(types.map((type) => namesOf(type).token)).size).toBe(types.length);
    expect(new Set(types.map((type) => namesOf(type).name)).size).toBe(types.length);
  });

  it('ends with `revoked` for SessionRevoked alone', () => {
    expect(types.filter((type) => namesOf(type).token === 'revoked')).toEqual(['SessionRevoked']);
  });

  it('is one of 64 shards, and every event of a stream is in the same', () => {
    const shards = Array.from({ length: 2_000 }, (_, i) =>
      Number(subjectOf({ type: 'SessionIssued', streamId: `account-${i}` }).split('.')[2]),
    );
    expect(Math.min(...shards)).toBe(0);
    expect(Math.max(...shards)).toBe(63);
  });

  it('fails for a type that has none', () => {
    expect(() => subjectOf({ type: 'SessionBorrowed', streamId: 'account-a' })).toThrow('SessionBorrowed');
  });
});
