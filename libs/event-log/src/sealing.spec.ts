import { describe, expect, it } from '@jest/globals';
import { MasterKey } from './master-key.js';
import { createSubjectKey, opener, seal, sealedUnder, type SealedPlace } from './sealing.js';

const masterKey = new MasterKey(Buffer.alloc(32, 7));
const otherMasterKey = new MasterKey(Buffer.alloc(32, 8));
const key = createSubjectKey(masterKey, '2026-11-01');
const personal = { ipAddress: '2001:db8::1', userAgent: 'Ünïcode 🦊', fingerprint: '' };
const place: SealedPlace = {
  logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11',
  streamId: 'account-alice',
  eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001',
  type: 'SessionIssued',
};
const sealed = seal(personal, key, masterKey, place);

const open = (bytes: Buffer, wrappedKey: Buffer, under: MasterKey, at: SealedPlace) =>
  opener(new Map([[sealedUnder(bytes), wrappedKey]]), under)(bytes, at);

describe('sealed personal data', () => {
  it('opens in its place', () => {
    expect(open(sealed, key.wrappedKey, masterKey, place)).toEqual(personal);
  });

  it('names the format and the key that it was sealed under', () => {
    expect(sealed[0]).toBe(1);
    expect(sealedUnder(sealed)).toBe(key.keyId);
  });

  it('shows nothing of what is inside', () => {
    for (const text of [personal.ipAddress, personal.userAgent, 'ipAddress']) {
      expect(sealed.includes(text)).toBe(false);
    }
  });

  it('is other bytes each time, so that equal addresses do not show', () => {
    const again = seal(personal, key, masterKey, place);
    expect(again.subarray(17).equals(sealed.subarray(17))).toBe(false);
  });

  it.each<[keyof SealedPlace, string]>([
    ['logId', '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12'],
    ['streamId', 'account-bob'],
    ['eventId', '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c002'],
    ['type', 'SessionRevoked'],
  ])('does not open at another %s', (part, value) => {
    expect(() => open(sealed, key.wrappedKey, masterKey, { ...place, [part]: value })).toThrow();
  });

  it('does not open when a single byte of it is another', () => {
    for (let i = 0; i < sealed.length; i++) {
      const flipped = Buffer.from(sealed);
      flipped[i]! ^= 1;
      expect(() => open(flipped, key.wrappedKey, masterKey, place)).toThrow();
    }
  });

  it('does not open when its end is missing', () => {
    expect(() => open(sealed.subarray(0, -1), key.wrappedKey, masterKey, place)).toThrow();
  });

  it('does not open under another master key or another subject key', () => {
    const other = createSubjectKey(masterKey, '2026-11-01');
    expect(() => open(sealed, key.wrappedKey, otherMasterKey, place)).toThrow();
    expect(() => open(sealed, other.wrappedKey, masterKey, place)).toThrow();
  });

  it('is gone, without an error, once its key is destroyed', () => {
    expect(opener(new Map(), masterKey)(sealed, place)).toBeNull();
  });
});

describe('what opens under several keys', () => {
  it('takes each under its own, time and again', () => {
    const other = createSubjectKey(masterKey, '2026-12-01');
    const elsewhere = { ...place, eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c002' };
    const under = seal({ ipAddress: '192.0.2.1' }, other, masterKey, elsewhere);
    const keys = [key, other].map(({ keyId, wrappedKey }) => [keyId, wrappedKey] as const);
    const both = opener(new Map(keys), masterKey);
    for (let time = 0; time < 2; time++) {
      expect(both(sealed, place)).toEqual(personal);
      expect(both(under, elsewhere)).toEqual({ ipAddress: '192.0.2.1' });
      expect(() => both(under, place)).toThrow();
    }
  });
});

describe('a subject key', () => {
  it('names its month and the master key that wraps it', () => {
    expect(key).toMatchObject({ month: '2026-11-01', masterKeyId: masterKey.id });
    expect(masterKey.id).toMatch(/^[0-9a-f]{16}$/);
    expect(otherMasterKey.id).not.toBe(masterKey.id);
  });

  it('is another each time', () => {
    const other = createSubjectKey(masterKey, key.month);
    expect(other.keyId).not.toBe(key.keyId);
    const [a, b] = [key, other].map(({ wrappedKey, keyId }) => masterKey.unwrap(wrappedKey, keyId));
    expect(a!.equals(b!)).toBe(false);
  });

  it('stands for no other key id', () => {
    expect(() => masterKey.unwrap(key.wrappedKey, place.eventId)).toThrow();
  });
});

describe('a master key', () => {
  it('has 32 bytes', () => {
    expect(() => new MasterKey(Buffer.alloc(31))).toThrow('32 bytes');
  });
});
