import type { JWK } from 'jose';
import { underLock } from '#event-log/under-lock.js';
import type { ClientBase, Pool } from 'pg';
import type { NewSigningKey } from './new-signing-key.js';

const CHANGE_LOCK = 51_600_003;

export interface SigningKeyRow {
  readonly kid: string;
  readonly publicJwk: JWK;
  /** PKCS #8, wrapped for its kid. Null once nobody needs it any more. */
  readonly wrappedKey: Buffer | null;
  readonly masterKeyId: string;
  readonly createdAt: Date;
  readonly signsFrom: Date;
  readonly removedAt: Date | null;
}

export interface SigningKeyTable {
  readonly rows: readonly SigningKeyRow[];
  /** PostgreSQL's time of the look. */
  readonly now: Date;
}

export async function readSigningKeys(db: Pool | ClientBase): Promise<SigningKeyTable> {
  const { rows } = await db.query<SigningKeyRow & { now: Date }>({
    name: 'signing-keys',
    text: `SELECT kid, public_jwk AS "publicJwk", wrapped_key AS "wrappedKey", master_key_id AS "masterKeyId",
        created_at AS "createdAt", signs_from AS "signsFrom", removed_at AS "removedAt", statement_timestamp() AS now
      FROM access.signing_key ORDER BY signs_from, created_at, kid`,
  });
  return { rows, now: rows[0]?.now ?? new Date() };
}

export const changeSigningKeys = <Result>(pool: Pool, change: (client: ClientBase) => Promise<Result>) =>
  underLock(pool, CHANGE_LOCK, change);

/** Published from now on; signs after `delayMs`. */
export async function insertSigningKey(
  client: ClientBase,
  key: NewSigningKey,
  delayMs: number,
): Promise<Date> {
  const { rows } = await client.query<{ signsFrom: Date }>(
    `INSERT INTO access.signing_key (kid, public_jwk, wrapped_key, master_key_id, signs_from)
     VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 millisecond')
     RETURNING signs_from AS "signsFrom"`,
    [...columnsOf(key), delayMs],
  );
  return rows[0]!.signsFrom;
}

export async function signNow(client: ClientBase, kid: string): Promise<void> {
  await client.query('UPDATE access.signing_key SET signs_from = clock_timestamp() WHERE kid = $1', [kid]);
}

/** Its row stays as a record that the key has been. */
export async function markRemoved(client: ClientBase, kid: string): Promise<void> {
  await client.query(
    'UPDATE access.signing_key SET removed_at = clock_timestamp(), wrapped_key = NULL WHERE kid = $1',
    [kid],
  );
}

export async function discardPrivateKeys(pool: Pool, kids: readonly string[]): Promise<void> {
  await pool.query('UPDATE access.signing_key SET wrapped_key = NULL WHERE kid = ANY($1)', [kids]);
}

const columnsOf = ({ kid, publicJwk, wrappedKey, masterKeyId }: NewSigningKey) => [
  kid,
  JSON.stringify(publicJwk),
  wrappedKey,
  masterKeyId,
];
