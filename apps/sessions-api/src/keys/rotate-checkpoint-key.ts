import { checkpointKeyName } from '#event-log/checkpoint.js';
import type { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import { verifierText } from '#event-log/signed-note.js';
import type { Pool } from 'pg';
import { replaceCheckpointKey } from '../checkpoints/checkpoint-key.js';
import { underCheckpointLock } from '../checkpoints/make-checkpoint.js';

/** Every process signs its next checkpoint with the new key. Answers its public half, as those who verify keep it. */
export async function rotateCheckpointKey(pool: Pool, masterKey: MasterKey): Promise<string> {
  const { publicKey } = await underCheckpointLock(pool, (client) => replaceCheckpointKey(client, masterKey));
  const { logId } = await readHead(pool);
  return verifierText({ name: checkpointKeyName(logId), publicKey });
}
