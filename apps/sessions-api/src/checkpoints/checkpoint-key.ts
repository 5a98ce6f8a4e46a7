import { createPrivateKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import type { MasterKey } from '#event-log/master-key.js';
import type { ClientBase } from 'pg';

export interface CheckpointKey {
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

/**
 * The key that signs checkpoints; made if there is none that can. To be called under the lock of those who make
 * checkpoints: there is one at a time.
 */
export const checkpointKey = async (client: ClientBase, masterKey: MasterKey): Promise<CheckpointKey> =>
  (await keyInUse(client, masterKey)) ?? makeKey(client, masterKey);

/** The same, by a new key. The private half of the one before is destroyed; what it has signed can be checked for ever. */
export async function replaceCheckpointKey(client: ClientBase, masterKey: MasterKey): Promise<CheckpointKey> {
  // Throws where the master key is not that of the processes: they could not sign with what it wraps.
  await keyInUse(client, masterKey);
  await client.query('UPDATE event_log.checkpoint_key SET wrapped_key = NULL WHERE wrapped_key IS NOT NULL');
  return makeKey(client, masterKey);
}

async function keyInUse(client: ClientBase, masterKey: MasterKey): Promise<CheckpointKey | undefined> {
  const { rows } = await client.query<{ keyId: string; publicKey: Buffer; wrappedKey: Buffer }>(
    `SELECT key_id AS "keyId", public_key AS "publicKey", wrapped_key AS "wrappedKey" FROM event_log.checkpoint_key
     WHERE wrapped_key IS NOT NULL`,
  );
  const [known] = rows;
  if (!known) return undefined;
  const der = masterKey.unwrap(known.wrappedKey, known.keyId);
  return {
    publicKey: known.publicKey,
    privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  };
}

async function makeKey(client: ClientBase, masterKey: MasterKey): Promise<CheckpointKey> {
  const pair = generateKeyPairSync('ed25519');
  const { x } = pair.publicKey.export({ format: 'jwk' });
  const publicKey = Buffer.from(x!, 'base64url');
  const keyId = randomUUID();
  const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
  await client.query(
    'INSERT INTO event_log.checkpoint_key (key_id, public_key, wrapped_key, master_key_id) VALUES ($1, $2, $3, $4)',
    [keyId, publicKey, masterKey.wrap(der, keyId), masterKey.id],
  );
  return { publicKey, privateKey: pair.privateKey };
}
