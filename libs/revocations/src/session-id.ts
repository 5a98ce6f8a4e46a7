const LENGTH = 30;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 16 bytes of 0xff. The alphabet is in ASCII order, so texts of one length compare as their values do. */
const LARGEST = 'session_7n42DGM5Tflk9n8mt7Fhc7';

const NOT_A_DIGIT = 64;
const DIGITS = new Uint8Array(128).fill(NOT_A_DIGIT);
for (const [value, character] of [...ALPHABET].entries()) DIGITS[character.charCodeAt(0)] = value;

/** `session_` and 22 base62 characters that say no more than 16 bytes can. */
export function isSessionId(text: unknown): text is string {
  return typeof text === 'string' && /^session_[0-9A-Za-z]{22}$/.test(text) && text <= LARGEST;
}

/** Whether it has the length, first and last character of the prefix: enough to tell other things apart, in no time. */
export function looksLikeSessionId(text: string): boolean {
  return (
    typeof text === 'string' &&
    text.length === LENGTH &&
    text.charCodeAt(0) === 115 &&
    text.charCodeAt(7) === 95
  );
}

/** The base62 digit there, 0 to 61; 64 when it is none. */
export function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? DIGITS[code]! : NOT_A_DIGIT;
}

/** Five base62 digits as a number below 2^30; negative when one of them is none. */
export function fiveDigitsAt(text: string, at: number): number {
  const a = digitAt(text, at);
  const b = digitAt(text, at + 1);
  const c = digitAt(text, at + 2);
  const d = digitAt(text, at + 3);
  const e = digitAt(text, at + 4);
  return ((a | b | c | d | e) & NOT_A_DIGIT) === 0 ? (((a * 62 + b) * 62 + c) * 62 + d) * 62 + e : -1;
}
