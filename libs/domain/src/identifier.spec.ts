import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apiKeyIdFrom, encode128, isApiKeyId, isSessionId, sessionIdFrom } from './identifier.js';

const LARGEST = '7n42DGM5Tflk9n8mt7Fhc7';
const sixteenBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe('16 bytes as an identifier', () => {
  it('are 22 base62 characters of fixed width', () => {
    expect(encode128(new Uint8Array(16))).toBe('0'.repeat(22));
    expect(encode128(new Uint8Array(16).fill(0, 0, 15).fill(61, 15))).toBe('z'.padStart(22, '0'));
    expect(encode128(new Uint8Array(16).fill(0xff))).toBe(LARGEST);
  });

  it('are read as one number, most significant byte first', () => {
    const bytes = new Uint8Array(16);
    bytes[14] = 1;
    expect(encode128(bytes)).toBe('48'.padStart(22, '0'));
  });

  it('always make an identifier, another for other bytes, in their order', () => {
    fc.assert(
      fc.property(sixteenBytes, sixteenBytes, (a, b) => {
        expect(isSessionId(sessionIdFrom(a))).toBe(true);
        expect(isApiKeyId(apiKeyIdFrom(b))).toBe(true);
        expect(Math.sign(Buffer.compare(a, b))).toBe(order(encode128(a), encode128(b)));
      }),
    );
  });
});

describe('a text', () => {
  it.each([`session_${LARGEST}`, `session_${'0'.repeat(22)}`])('%s is a session identifier', (text) => {
    expect(isSessionId(text)).toBe(true);
  });

  it.each([
    ['one more than 128 bits can say', 'session_7n42DGM5Tflk9n8mt7Fhc8'],
    ['the largest 22 characters', `session_${'z'.repeat(22)}`],
    ['a character too few', `session_${'0'.repeat(21)}`],
    ['a character too many', `session_${'0'.repeat(23)}`],
    ['a character outside the alphabet', `session_${'0'.repeat(21)}-`],
    ['a digit of another script', `session_${'0'.repeat(21)}٣`],
    ['a line end', `session_${'0'.repeat(22)}\n`],
    ['another prefix', `key_${'0'.repeat(22)}`],
    ['no prefix', '0'.repeat(22)],
    ['nothing', ''],
  ])('with %s is no session identifier', (_, text) => {
    expect(isSessionId(text)).toBe(false);
  });

  it('is a key identifier by the same rules under another prefix', () => {
    expect(isApiKeyId(`key_${LARGEST}`)).toBe(true);
    expect(isApiKeyId('key_7n42DGM5Tflk9n8mt7Fhc8')).toBe(false);
    expect(isApiKeyId(`session_${LARGEST}`)).toBe(false);
  });
});

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
