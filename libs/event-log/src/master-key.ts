import { createHash } from 'node:crypto';
import { decrypt, encrypt } from './aes-gcm.js';

/** The one secret that is not in the database: it wraps the keys that are. */
export class MasterKey {
  /** Names the key without giving anything of it away. */
  readonly id: string;
  private readonly openers: readonly Buffer[];

  /** `bytes`: 32 random bytes. `others` open what they wrapped, and wrap nothing: their rotation is under way. */
  constructor(
    private readonly bytes: Buffer,
    private readonly others: readonly MasterKey[] = [],
  ) {
    if (bytes.length !== 32) throw new Error('a master key has 32 bytes');
    this.id = createHash('sha256').update('signoff master key id').update(bytes).digest('hex').slice(0, 16);
    this.openers = [bytes, ...others.map((other) => other.bytes)];
  }

  /** The ids of all keys that can be opened with. */
  get ids(): string[] {
    return [this, ...this.others].map(({ id }) => id);
  }

  /** `purpose` binds the wrapped key to its place: it opens nowhere else. */
  wrap(key: Buffer, purpose: string): Buffer {
    return encrypt(this.bytes, key, Buffer.from(purpose));
  }

  /** Throws when the key was wrapped by none of the master keys, or for another purpose. */
  unwrap(wrapped: Buffer, purpose: string): Buffer {
    let cause: unknown;
    for (const opener of this.openers) {
      try {
        return decrypt(opener, wrapped, Buffer.from(purpose));
      } catch (error) {
        cause = error;
      }
    }
    throw new Error(`it was not wrapped by ${this.ids.join(' or ')} for this place`, { cause });
  }
}

/** As the environment gives them, in base64. */
export interface MasterKeyVariables {
  readonly MASTER_KEY: string;
  readonly NEW_MASTER_KEY?: string;
  readonly PREVIOUS_MASTER_KEYS: readonly string[];
}

/** `MASTER_KEY` wraps; what any of the three wrapped opens. */
export function masterKeyFrom({ MASTER_KEY, NEW_MASTER_KEY, PREVIOUS_MASTER_KEYS }: MasterKeyVariables) {
  const others = [...(NEW_MASTER_KEY ? [NEW_MASTER_KEY] : []), ...PREVIOUS_MASTER_KEYS];
  return new MasterKey(
    bytesOf(MASTER_KEY),
    others.map((text) => new MasterKey(bytesOf(text))),
  );
}

const bytesOf = (text: string) => Buffer.from(text, 'base64');
