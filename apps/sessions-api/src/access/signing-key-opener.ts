import type { MasterKey } from '#event-log/master-key.js';
import { importJWK, importPKCS8, type CryptoKey } from 'jose';
import { SIGNING_ALGORITHM } from './new-signing-key.js';
import type { SigningKeyRow } from './signing-key-table.js';

export interface SigningKey {
  readonly kid: string;
  readonly publicKey: CryptoKey;
  /** Null once it was forgotten; the error where it was wrapped by a master key that is not here. */
  readonly privateKey: CryptoKey | SigningKeyUnopened | null;
}

export class SigningKeyUnopened extends Error {
  constructor(
    readonly kid: string,
    readonly masterKeyId: string,
    options: ErrorOptions,
  ) {
    super(
      `signing key ${kid} was wrapped by the master key ${masterKeyId}, which is not among those given here`,
      options,
    );
    this.name = 'SigningKeyUnopened';
  }
}

/** Makes rows into keys that can be used, each once. */
export class SigningKeyOpener {
  private opened: ReadonlyMap<string, SigningKey> = new Map();

  constructor(private readonly masterKey: MasterKey) {}

  /** By kid. Whatever is not in `rows` is dropped from memory. */
  async open(rows: readonly SigningKeyRow[]): Promise<ReadonlyMap<string, SigningKey>> {
    const keys = await Promise.all(rows.map((row) => this.key(row)));
    return (this.opened = new Map(keys.map((key) => [key.kid, key])));
  }

  private async key({ kid, publicJwk, wrappedKey, masterKeyId }: SigningKeyRow): Promise<SigningKey> {
    const known = this.opened.get(kid);
    if (known && !(known.privateKey instanceof Error) && Boolean(known.privateKey) === Boolean(wrappedKey)) {
      return known;
    }
    return {
      kid,
      publicKey: known?.publicKey ?? ((await importJWK(publicJwk, SIGNING_ALGORITHM)) as CryptoKey),
      privateKey: wrappedKey && (await this.unwrap(kid, wrappedKey, masterKeyId)),
    };
  }

  private async unwrap(kid: string, wrappedKey: Buffer, masterKeyId: string) {
    try {
      return await importPKCS8(this.masterKey.unwrap(wrappedKey, kid).toString(), SIGNING_ALGORITHM);
    } catch (cause) {
      return new SigningKeyUnopened(kid, masterKeyId, { cause });
    }
  }
}
