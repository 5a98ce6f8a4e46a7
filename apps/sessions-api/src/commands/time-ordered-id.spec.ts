import { describe, expect, it } from '@jest/globals';
import { validate, version } from 'uuid';
import { timeOrderedId } from './time-ordered-id.js';

describe('an id', () => {
  it('is a UUID of version 7, and none comes twice', () => {
    const ids = Array.from({ length: 2_000 }, timeOrderedId);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('begins with the milliseconds since 1970', () => {
    const before = Date.now();
    const at = Number.parseInt(timeOrderedId().replace('-', '').slice(0, 12), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });
});
