import { MasterKey } from '#event-log/master-key.js';
import { SigningKeys } from '../../../apps/sessions-api/src/access/signing-keys.js';
import type { World } from './world.js';

/** The key that the API signs with: whoever has the database and the master key could sign anything. */
export async function signingKey({ owner, masterKey }: World) {
  const keys = new SigningKeys(owner, new MasterKey(Buffer.from(masterKey, 'base64')));
  await keys.start();
  return keys.current();
}
