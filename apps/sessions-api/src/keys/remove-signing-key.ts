import type { MasterKey } from '#event-log/master-key.js';
import type { Pool } from 'pg';
import { makeSigningKey } from '../access/new-signing-key.js';
import { livesOf } from '../access/signing-key-lifecycle.js';
import { insertSigningKey, markRemoved, readSigningKeys, signNow } from '../access/signing-key-table.js';
import { KeyRefusal } from './key-refusal.js';
import { changeEverywhere, refuseOtherMasterKey, type Life } from './signing-key-change.js';

export interface RemovedSigningKey {
  /** What it was before. */
  readonly state: Life['state'];
  /** The key that signs in its place, if it was the current one. */
  readonly successor: string | null;
}

/** What removing a key would mean. */
export async function lookAtSigningKey(pool: Pool, kid: string): Promise<Life> {
  const { rows, now } = await readSigningKeys(pool);
  return find(livesOf(rows, now), kid);
}

/**
 * From its return on no API process accepts a credential that was signed with the key; sessions are untouched. When the
 * current key is removed, the one that waits signs at once, or a new one where none waits: an older one never signs again.
 */
export async function removeSigningKey(
  pool: Pool,
  masterKey: MasterKey,
  kid: string,
): Promise<RemovedSigningKey> {
  return changeEverywhere(pool, async (client, lives) => {
    const { state } = find(lives, kid);
    if (state !== 'removed') await markRemoved(client, kid);
    if (state !== 'current') return { state, successor: null };
    await refuseOtherMasterKey(masterKey, lives);
    const waiting = lives.find(({ state }) => state === 'next')?.key;
    if (waiting) {
      await signNow(client, waiting.kid);
      return { state, successor: waiting.kid };
    }
    const key = await makeSigningKey(masterKey);
    await insertSigningKey(client, key, 0);
    return { state, successor: key.kid };
  });
}

function find(lives: readonly Life[], kid: string): Life {
  const life = lives.find(({ key }) => key.kid === kid);
  if (!life) throw new KeyRefusal('SIGNING_KEY_UNKNOWN', `there is no signing key ${kid}; "list" names them`);
  return life;
}
