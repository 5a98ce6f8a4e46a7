import { describe, expect, it } from '@jest/globals';
import { isAccountId } from './account-id.js';

describe('an account id', () => {
  it.each([
    'a',
    'user@example.com',
    'with space',
    ' ',
    '...',
    '/',
    '%2e%2e',
    'Ж',
    '🦊'.repeat(128),
    'a'.repeat(128),
  ])('may be %j', (text) => {
    expect(isAccountId(text)).toBe(true);
  });

  it.each([
    ['empty', ''],
    ['a path segment that URLs eat', '.'],
    ['the other one', '..'],
    ['129 characters', 'a'.repeat(129)],
    ['129 code points beyond the BMP', '🦊'.repeat(129)],
    ['a NUL', 'a\0'],
    ['a line end', 'a\nb'],
    ['DEL', 'a\u007f'],
    ['a C1 control', 'a\u0085'],
    ['a lone high surrogate', 'a\ud83e'],
    ['a lone low surrogate', '\udd8aa'],
  ])('is not %s', (_, text) => {
    expect(isAccountId(text)).toBe(false);
  });
});
