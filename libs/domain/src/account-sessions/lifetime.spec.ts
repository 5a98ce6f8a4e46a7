import { describe, expect, it } from '@jest/globals';
import { expiryOf, type Lifetime } from './lifetime.js';

const now = '2026-11-24T10:00:00.750Z';
const refusal = expect.objectContaining({ code: 'SESSION_LIFETIME_INVALID' });

describe('the expiry of a session', () => {
  it.each<[Lifetime, string]>([
    [{ expiresInSeconds: 60 }, '2026-11-24T10:01:00.000Z'],
    [{ expiresInSeconds: 7_776_000 }, '2027-02-22T10:00:00.000Z'],
    [{ expiresAt: '2026-11-24T10:01:00.000Z' }, '2026-11-24T10:01:00.000Z'],
    [{ expiresAt: '2027-02-22T10:00:00.999Z' }, '2027-02-22T10:00:00.000Z'],
  ])('for %j is %s', (lifetime, expiresAt) => {
    expect(expiryOf(lifetime, now)).toBe(expiresAt);
  });

  it.each<Lifetime>([
    { expiresInSeconds: 59 },
    { expiresInSeconds: 7_776_001 },
    { expiresInSeconds: -60 },
    { expiresAt: '2026-11-24T10:00:59.999Z' },
    { expiresAt: '2027-02-22T10:00:01.000Z' },
    { expiresAt: '2025-11-24T10:00:00.000Z' },
  ])('is refused for %j', (lifetime) => {
    expect(() => expiryOf(lifetime, now)).toThrow(refusal);
  });

  it('is refused by the name of the field that was given', () => {
    expect(() => expiryOf({ expiresInSeconds: 1 }, now)).toThrow(
      expect.objectContaining({ field: 'expiresInSeconds' }),
    );
    expect(() => expiryOf({ expiresAt: now }, now)).toThrow(expect.objectContaining({ field: 'expiresAt' }));
  });
});
