import type { MasterKey } from '#event-log/master-key.js';
import type { Pool } from 'pg';
import { makeSigningKey } from '../access/new-signing-key.js';
import { insertSigningKey, signNow } from '../access/signing-key-table.js';
import { KeyRefusal } from './key-refusal.js';
import { changeEverywhere, refuseOtherMasterKey } from './signing-key-change.js';

/** Twice the time that the JWKS may be cached (300 s): who verifies by himself knows the key before it is used. */
const SIGNS_AFTER_MS = 600_000;

export interface RotatedSigningKey {
  readonly kid: string;
  readonly signsFrom: Date | 'now';
}

/** `atOnce` lets a key that waits for its time sign now, or a new one where none waits. */
export async function rotateSigningKey(
  pool: Pool,
  masterKey: MasterKey,
  atOnce: boolean,
): Promise<RotatedSigningKey> {
  return changeEverywhere(pool, async (client, lives) => {
    await refuseOtherMasterKey(masterKey, lives);
    const waiting = lives.find(({ state }) => state === 'next')?.key;
    if (waiting && !atOnce) {
      throw new KeyRefusal(
        'SIGNING_KEY_WAITING',
        `${waiting.kid} is published already and signs from ${waiting.signsFrom.toISOString()}; with --at-once it signs now`,
      );
    }
    if (waiting) {
      await signNow(client, waiting.kid);
      return { kid: waiting.kid, signsFrom: 'now' };
    }
    const key = await makeSigningKey(masterKey);
    const signsFrom = await insertSigningKey(client, key, atOnce ? 0 : SIGNS_AFTER_MS);
    return { kid: key.kid, signsFrom: atOnce ? 'now' : signsFrom };
  });
}
