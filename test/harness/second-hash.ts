import { webcrypto } from 'node:crypto';

/** The columns of `event_log.event` in the table's order, as PostgreSQL gives them out; `hash` itself is left out. */
export interface HashedColumns {
  readonly position: bigint;
  readonly streamId: string;
  readonly version: number;
  readonly eventId: string;
  readonly type: string;
  readonly schema: number;
  readonly data: string;
  readonly sealed: Uint8Array | null;
  readonly metadata: string;
  readonly recordedAt: bigint;
  readonly revocation: bigint | null;
}

/**
 * The hash of an event once more, written from the description of the format and not from the code that records
 * events: what a stranger would write who audits the log.
 */
export async function secondHash(logId: string, previous: Uint8Array, event: HashedColumns): Promise<string> {
  const columns = [
    int64(event.position),
    utf8(event.streamId),
    int32(event.version),
    uuid(event.eventId),
    utf8(event.type),
    int32(event.schema),
    utf8(event.data),
    event.sealed,
    utf8(event.metadata),
    int64(event.recordedAt),
    event.revocation === null ? null : int64(event.revocation),
  ];
  const parts = columns.flatMap((column) => (column === null ? [int32(-1)] : [int32(column.length), column]));
  const text = [Uint8Array.of(1), uuid(logId), previous, ...parts];
  return hex(new Uint8Array(await webcrypto.subtle.digest('SHA-256', Uint8Array.from(text.flatMap(bytes)))));
}

const bytes = (part: Uint8Array) => [...part];
const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (part: Uint8Array) =>
  bytes(part)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');

function uuid(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/gi)!, (pair) => Number.parseInt(pair, 16));
}

function int64(value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, value);
  return new Uint8Array(view.buffer);
}

function int32(value: number): Uint8Array {
  return int64(BigInt(value)).slice(4);
}
