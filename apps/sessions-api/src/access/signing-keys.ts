import type { MasterKey } from '#event-log/master-key.js';
import {
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importJWK,
  importPKCS8,
  type CryptoKey,
  type JWK,
} from 'jose';
import type { Pool } from 'pg';

const ALGORITHM = 'EdDSA';
const CREATION_LOCK = 51_600_003;
const RELOAD_AT_MOST_EVERY_MS = 5_000;

interface SigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

interface SigningKeyRow {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly wrappedKey: Buffer;
}

/** The keys that session credentials are signed with, shared by all API processes through PostgreSQL. */
export class SigningKeys {
  private keys = new Map<string, SigningKey>();
  private newest: SigningKey | undefined;
  private loadedAt = 0;

  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
  ) {}

  /** Loads the keys, and makes the first one where there is none. Throws when the master key does not open them. */
  async start(): Promise<void> {
    await this.load();
    if (this.newest) return;
    await this.createFirst();
    await this.load();
  }

  /** The key to sign with. */
  current(): SigningKey {
    if (!this.newest) throw new Error('there is no signing key');
    return this.newest;
  }

  /** The key named by a credential; another process may have made it a moment ago. */
  async find(kid: string): Promise<SigningKey | undefined> {
    if (!this.keys.has(kid) && Date.now() - this.loadedAt > RELOAD_AT_MOST_EVERY_MS) await this.load();
    return this.keys.get(kid);
  }

  /** RFC 7517, for whoever verifies credentials by himself. */
  jwks(): { keys: JWK[] } {
    return { keys: [...this.keys.values()].map(({ publicJwk }) => publicJwk) };
  }

  private async load(): Promise<void> {
    this.loadedAt = Date.now();
    const { rows } = await this.pool.query<SigningKeyRow>(
      `SELECT kid, public_jwk AS "publicJwk", wrapped_key AS "wrappedKey" FROM access.signing_key ORDER BY created_at, kid`,
    );
    const keys = await Promise.all(rows.map(async (row) => this.keys.get(row.kid) ?? this.unwrap(row)));
    this.keys = new Map(keys.map((key) => [key.kid, key]));
    this.newest = keys.at(-1);
  }

  private async unwrap({ kid, publicJwk, wrappedKey }: SigningKeyRow): Promise<SigningKey> {
    let pkcs8: string;
    try {
      pkcs8 = this.masterKey.unwrap(wrappedKey, kid).toString();
    } catch (cause) {
      throw new Error('MASTER_KEY is not the key that this database was set up with', { cause });
    }
    return {
      kid,
      publicJwk,
      privateKey: await importPKCS8(pkcs8, ALGORITHM),
      publicKey: (await importJWK(publicJwk, ALGORITHM)) as CryptoKey,
    };
  }

  private async createFirst(): Promise<void> {
    const pair = await generateKeyPair(ALGORITHM, { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    const wrapped = this.masterKey.wrap(Buffer.from(await exportPKCS8(pair.privateKey)), kid);
    const publicJwk = { ...jwk, kid, use: 'sig', alg: ALGORITHM };
    // Of several processes that start together, the first to get the lock makes the key.
    await this.pool.query(
      `WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock($5))
       INSERT INTO access.signing_key (kid, public_jwk, wrapped_key, master_key_id)
       SELECT $1, $2, $3, $4 FROM lock WHERE NOT EXISTS (SELECT FROM access.signing_key)`,
      [kid, JSON.stringify(publicJwk), wrapped, this.masterKey.id, CREATION_LOCK],
    );
  }
}
