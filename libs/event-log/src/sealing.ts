import { randomBytes } from 'node:crypto';
import { v4 as uuidv4, stringify as uuidText } from 'uuid';
import { decrypt, encrypt } from './aes-gcm.js';
import { uuidBytes } from './hash-chain.js';
import type { MasterKey } from './master-key.js';

const FORMAT = 1;
const KEY_ID_END = 17;

/** What of an event is personal or secret. It stands in the column `sealed` and never travels on the bus. */
export type PersonalData = Readonly<Record<string, string>>;

/** The key under which one stream's personal data of one month (`2026-11-01`) is sealed; destroying it erases them. */
export interface SubjectKey {
  readonly keyId: string;
  readonly month: string;
  readonly wrappedKey: Buffer;
  readonly masterKeyId: string;
}

/** What ciphertext is bound to: moved to another event, it does not open. */
export interface SealedPlace {
  readonly logId: string;
  readonly streamId: string;
  readonly eventId: string;
  readonly type: string;
}

export function createSubjectKey(masterKey: MasterKey, month: string): SubjectKey {
  const keyId = uuidv4();
  return { keyId, month, wrappedKey: masterKey.wrap(randomBytes(32), keyId), masterKeyId: masterKey.id };
}

/** Format byte, key id (16 bytes), then nonce, ciphertext and tag of AES-256-GCM over the JSON text. */
export function seal(data: PersonalData, key: SubjectKey, masterKey: MasterKey, place: SealedPlace): Buffer {
  const dataKey = masterKey.unwrap(key.wrappedKey, key.keyId);
  const box = encrypt(dataKey, Buffer.from(JSON.stringify(data)), associatedData(place));
  return Buffer.concat([Buffer.from([FORMAT]), uuidBytes(key.keyId), box]);
}

/** `sealedUnder` of the column `sealed`, as PostgreSQL reckons it. */
export const SEALED_UNDER = `encode(substr(sealed, 2, 16), 'hex')::uuid`;

export function sealedUnder(sealed: Buffer): string {
  if (sealed[0] !== FORMAT) throw new Error(`sealed data of unknown format ${sealed[0]}`);
  return uuidText(sealed.subarray(1, KEY_ID_END));
}

/**
 * Opens what was sealed under these keys, each of which is unwrapped once. `wrappedKeys`: by id, what stands in the log now;
 * those that were destroyed are missing, and then nothing can be known (null).
 */
export function opener(
  wrappedKeys: ReadonlyMap<string, Buffer>,
  masterKey: MasterKey,
): (sealed: Buffer, place: SealedPlace) => PersonalData | null {
  const dataKeys = new Map<string, Buffer>();
  return (sealed, place) => {
    const keyId = sealedUnder(sealed);
    const wrappedKey = wrappedKeys.get(keyId);
    if (!wrappedKey) return null;
    const dataKey = dataKeys.get(keyId) ?? masterKey.unwrap(wrappedKey, keyId);
    dataKeys.set(keyId, dataKey);
    const text = decrypt(dataKey, sealed.subarray(KEY_ID_END), associatedData(place)).toString();
    return JSON.parse(text) as PersonalData;
  };
}

function associatedData({ logId, streamId, eventId, type }: SealedPlace): Buffer {
  return Buffer.concat([uuidBytes(logId), uuidBytes(eventId), Buffer.from(`${type}\0${streamId}`)]);
}
