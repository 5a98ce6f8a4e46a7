import { createHash } from 'node:crypto';
import type { RecordedEvent } from './event.js';

export const GENESIS_HASH = Buffer.alloc(32);
const FORMAT = Buffer.from([1]);
const NULL_LENGTH = uint32(0xffff_ffff);

/**
 * The hash of an event: SHA-256 over the format byte, the log id (16 bytes), the previous event's hash, and each column
 * in the order of the table, as a big-endian uint32 length and that many bytes; NULL is the length 0xffffffff.
 * Integers are big-endian (int64; `version` and `schema` int32), times int64 milliseconds, texts UTF-8, the event id 16 bytes.
 * It covers the ciphertext of what is personal, so that erasing the key leaves the chain whole.
 */
export function hashEvent(logId: string, previous: Buffer, event: Omit<RecordedEvent, 'hash'>): Buffer {
  const hash = createHash('sha256').update(FORMAT).update(uuidBytes(logId)).update(previous);
  const column = (bytes: Buffer | null) =>
    bytes ? hash.update(uint32(bytes.length)).update(bytes) : hash.update(NULL_LENGTH);

  column(int64(event.position));
  column(Buffer.from(event.streamId));
  column(int32(event.version));
  column(uuidBytes(event.eventId));
  column(Buffer.from(event.type));
  column(int32(event.schema));
  column(Buffer.from(event.data));
  column(event.sealed);
  column(Buffer.from(event.metadata));
  column(int64(event.recordedAt));
  column(event.revocation === null ? null : int64(event.revocation));
  return hash.digest();
}

export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
