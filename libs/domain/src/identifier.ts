const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 22;
const LARGEST = encode128(new Uint8Array(16).fill(0xff));

/** 16 bytes as 22 base62 characters of fixed width, most significant first. */
export function encode128(bytes: Uint8Array): string {
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = '';
  for (let i = 0; i < LENGTH; i++) {
    text = ALPHABET[Number(value % 62n)] + text;
    value /= 62n;
  }
  return text;
}

/** 22 base62 characters can say more than 128 bits: what is larger is not an identifier. The alphabet is in ASCII order. */
function isEncoded128(text: string): boolean {
  return /^[0-9A-Za-z]{22}$/.test(text) && text <= LARGEST;
}

export function sessionIdFrom(bytes: Uint8Array): string {
  return `session_${encode128(bytes)}`;
}

export function isSessionId(text: string): boolean {
  return text.startsWith('session_') && isEncoded128(text.slice(8));
}

export function apiKeyIdFrom(bytes: Uint8Array): string {
  return `key_${encode128(bytes)}`;
}

export function isApiKeyId(text: string): boolean {
  return text.startsWith('key_') && isEncoded128(text.slice(4));
}
