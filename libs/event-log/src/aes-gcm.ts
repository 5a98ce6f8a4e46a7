import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** AES-256-GCM with a random nonce: nonce, ciphertext, tag. */
export function encrypt(key: Buffer, plaintext: Buffer, associatedData: Buffer): Buffer {
  const nonce = randomBytes(NONCE_LENGTH);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when key, associated data or a single byte is another than at encryption. */
export function decrypt(key: Buffer, box: Buffer, associatedData: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_LENGTH), {
    authTagLength: TAG_LENGTH,
  })
    .setAAD(associatedData)
    .setAuthTag(box.subarray(-TAG_LENGTH));
  return Buffer.concat([decipher.update(box.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]);
}
