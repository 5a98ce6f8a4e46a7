import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterKey } from '#event-log/master-key.js';
import type { ClientBase, Pool } from 'pg';
import { SigningKeyOpener } from '../access/signing-key-opener.js';
import { livesOf, type SigningKeyLife } from '../access/signing-key-lifecycle.js';
import { changeSigningKeys, readSigningKeys, type SigningKeyRow } from '../access/signing-key-table.js';
import { KEYS_COUNT_FOR_MS } from '../access/signing-keys.js';

const CLOCKS_MS = 250;

export type Life = SigningKeyLife<SigningKeyRow>;

/** Changes the keys, and resolves when every API process heeds it: what they read before has ceased to count. */
export async function changeEverywhere<Result>(
  pool: Pool,
  change: (client: ClientBase, lives: readonly Life[]) => Promise<Result>,
): Promise<Result> {
  const result = await changeSigningKeys(pool, async (client) => {
    const { rows, now } = await readSigningKeys(client);
    return change(client, livesOf(rows, now));
  });
  await sleep(KEYS_COUNT_FOR_MS + CLOCKS_MS);
  return result;
}

/** Throws when the processes' master key is another one: they could not sign with what this one wraps. */
export async function refuseOtherMasterKey(masterKey: MasterKey, lives: readonly Life[]): Promise<void> {
  const rows = lives.filter(({ state }) => state === 'current' || state === 'next').map(({ key }) => key);
  for (const { privateKey } of (await new SigningKeyOpener(masterKey).open(rows)).values()) {
    if (privateKey instanceof Error) throw privateKey;
  }
}
