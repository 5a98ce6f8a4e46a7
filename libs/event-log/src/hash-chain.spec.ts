import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { secondHash } from '../../../test/harness/second-hash.js';
import { GENESIS_HASH, hashEvent } from './hash-chain.js';

interface Vectors {
  logId: string;
  events: (Omit<Columns, 'sealed'> & { sealed: string | null; hash: string })[];
}
type Columns = Parameters<typeof hashEvent>[2];

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/hash-chain.json', import.meta.url), 'utf8'),
) as Vectors;
const LOG_ID = vectors.logId;

const event: Columns = {
  position: 7,
  streamId: 'account-alice',
  version: 3,
  eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001',
  type: 'SessionRevoked',
  schema: 1,
  data: '{"a":1}',
  sealed: Buffer.from('sealed'),
  metadata: '{}',
  recordedAt: 1_795_600_000_123,
  revocation: 2,
};

const hashOf = (change: Partial<Columns> = {}, logId = LOG_ID, previous = GENESIS_HASH) =>
  hashEvent(logId, previous, { ...event, ...change }).toString('hex');

const secondHashOf = (logId: string, previous: Uint8Array, columns: Columns) =>
  secondHash(logId, previous, {
    ...columns,
    position: BigInt(columns.position),
    recordedAt: BigInt(columns.recordedAt),
    revocation: columns.revocation === null ? null : BigInt(columns.revocation),
  });

describe('the hash chain', () => {
  it('begins with 32 zero bytes', () => {
    expect(GENESIS_HASH.equals(Buffer.alloc(32))).toBe(true);
  });

  it('gives the committed vectors, in both implementations', async () => {
    let previous: Buffer = GENESIS_HASH;
    for (const { hash, sealed, ...rest } of vectors.events) {
      const columns = { ...rest, sealed: sealed === null ? null : Buffer.from(sealed, 'hex') };
      expect(hashEvent(LOG_ID, previous, columns).toString('hex')).toBe(hash);
      expect(await secondHashOf(LOG_ID, previous, columns)).toBe(hash);
      previous = Buffer.from(hash, 'hex');
    }
    expect(vectors.events).toHaveLength(5);
  });

  it('is the same in both implementations for any event', async () => {
    const text = fc.string({ unit: 'grapheme' });
    const count = fc.maxSafeNat();
    const int = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    const box = fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes)));
    const columns: fc.Arbitrary<Columns> = fc.record({
      position: count,
      streamId: text,
      version: int,
      eventId: fc.uuid(),
      type: text,
      schema: int,
      data: text,
      sealed: box,
      metadata: text,
      recordedAt: count,
      revocation: fc.option(count),
    });
    const previous = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.uuid(), previous, columns, async (logId, before, any) => {
        const hash = hashEvent(logId, before, any).toString('hex');
        expect(await secondHashOf(logId, before, any)).toBe(hash);
      }),
    );
  });

  it.each<[keyof Columns, Partial<Columns>]>([
    ['position', { position: 8 }],
    ['streamId', { streamId: 'account-alicf' }],
    ['version', { version: 4 }],
    ['eventId', { eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c000' }],
    ['type', { type: 'SessionIssued' }],
    ['schema', { schema: 2 }],
    ['data', { data: '{"a": 1}' }],
    ['sealed', { sealed: Buffer.from('sealee') }],
    ['metadata', { metadata: '{ }' }],
    ['recordedAt', { recordedAt: 1_795_600_000_124 }],
    ['revocation', { revocation: 3 }],
  ])('changes with %s', (_, change) => {
    expect(hashOf(change)).not.toBe(hashOf());
  });

  it('changes with the log and with what came before', () => {
    expect(hashOf({}, '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12')).not.toBe(hashOf());
    expect(hashOf({}, LOG_ID, Buffer.alloc(32, 1))).not.toBe(hashOf());
  });

  it('tells nothing from empty', () => {
    expect(hashOf({ sealed: null })).not.toBe(hashOf({ sealed: Buffer.alloc(0) }));
  });

  it('lets no byte wander from one column to its neighbour', () => {
    expect(hashOf({ type: 'AB', streamId: 'x' })).not.toBe(hashOf({ type: 'B', streamId: 'xA' }));
    expect(hashOf({ data: 'ab', sealed: Buffer.from('c') })).not.toBe(
      hashOf({ data: 'a', sealed: Buffer.from('bc') }),
    );
  });
});
