import { createHash } from 'node:crypto';
import { decrypt, encrypt } from './aes-gcm.js';

/** The one secret that is not in the database: it wraps the keys that are. */
export class MasterKey {
  /** Names the key without giving anything of it away. */
  readonly id: string;

  /** `bytes`: 32 random bytes. */
  constructor(private readonly bytes: Buffer) {
    if (bytes.length !== 32) throw new Error('a master key has 32 bytes');
    this.id = createHash('sha256').update('signoff master key id').update(bytes).digest('hex').slice(0, 16);
  }

  /** `purpose` binds the wrapped key to its place: it opens nowhere else. */
  wrap(key: Buffer, purpose: string): Buffer {
    return encrypt(this.bytes, key, Buffer.from(purpose));
  }

  /** Throws when the key was wrapped by another master key or for another purpose. */
  unwrap(wrapped: Buffer, purpose: string): Buffer {
    return decrypt(this.bytes, wrapped, Buffer.from(purpose));
  }
}
