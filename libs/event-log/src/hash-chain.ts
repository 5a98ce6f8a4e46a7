import type { RecordedEvent } from './event.js';
import { sha256 } from './sha256.js';

export const GENESIS_HASH = Buffer.alloc(32);
const FORMAT = Buffer.from([1]);
const NULL_LENGTH = 0xffff_ffff;
/** More than everything else takes: format, log id, previous hash, lengths, numbers and the event's id. */
const BESIDE_TEXTS = 256;
const TWO_32 = 2 ** 32;

/**
 * The hash of an event: SHA-256 over the format byte, the log id (16 bytes), the previous event's hash, and each column
 * in the order of the table, as a big-endian uint32 length and that many bytes; NULL is the length 0xffffffff.
 * Integers are big-endian (int64; `version` and `schema` int32), times int64 milliseconds, texts UTF-8, the event id 16 bytes.
 * It covers the ciphertext of what is personal, so that erasing the key leaves the chain whole.
 */
export function hashEvent(logId: string, previous: Buffer, event: Omit<RecordedEvent, 'hash'>): Buffer {
  const text = new HashedText(event);
  text.raw(FORMAT);
  text.uuid(logId);
  text.raw(previous);
  text.int64(event.position);
  text.utf8(event.streamId);
  text.int32(event.version);
  text.length(16);
  text.uuid(event.eventId);
  text.utf8(event.type);
  text.int32(event.schema);
  text.utf8(event.data);
  text.bytes(event.sealed);
  text.utf8(event.metadata);
  text.int64(event.recordedAt);
  text.int64(event.revocation);
  return text.hash();
}

/** What an event is hashed from, put together first: to hash it piece by piece takes three times as long. */
class HashedText {
  private readonly text: Buffer;
  private end = 0;

  constructor({ streamId, type, data, sealed, metadata }: Omit<RecordedEvent, 'hash'>) {
    const codeUnits = streamId.length + type.length + data.length + metadata.length;
    this.text = scratch(BESIDE_TEXTS + codeUnits * 3 + (sealed?.length ?? 0));
  }

  raw(bytes: Buffer): void {
    this.end += bytes.copy(this.text, this.end);
  }

  length(length: number): void {
    this.end = this.text.writeUInt32BE(length, this.end);
  }

  uuid(text: string): void {
    this.end += this.text.write(text.replaceAll('-', ''), this.end, 'hex');
  }

  bytes(bytes: Buffer | null): void {
    this.length(bytes?.length ?? NULL_LENGTH);
    if (bytes) this.raw(bytes);
  }

  utf8(text: string): void {
    const length = this.text.write(text, this.end + 4);
    this.length(length);
    this.end += length;
  }

  int32(value: number): void {
    this.length(4);
    this.end = this.text.writeInt32BE(value, this.end);
  }

  int64(value: number | null): void {
    if (value === null) return this.length(NULL_LENGTH);
    this.length(8);
    // Without a bigint, which would be the slowest part of all.
    this.end = this.text.writeInt32BE(Math.floor(value / TWO_32), this.end);
    this.end = this.text.writeUInt32BE(value >>> 0, this.end);
  }

  hash(): Buffer {
    return sha256(this.text.subarray(0, this.end));
  }
}

let kept = Buffer.allocUnsafe(65_536);

/** Used again by the next event: nothing of it outlives its hash. */
function scratch(length: number): Buffer {
  if (kept.length < length) kept = Buffer.allocUnsafe(length);
  return kept;
}

export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}
