import type { MasterKey } from '#event-log/master-key.js';
import type { Pool } from 'pg';
import { KeyRefusal } from './key-refusal.js';
import {
  countByMasterKey,
  PLACES,
  readOthers,
  replaceWrapped,
  type Place,
  type WrappedKey,
} from './wrapped-keys.js';

const BATCH = 500;
const PASSES = 3;

export interface MasterKeys {
  /** Wraps every key in the end. */
  readonly to: MasterKey;
  readonly from: readonly MasterKey[];
}

type Progress = (place: Place, done: number, of: number) => void;

/**
 * Wraps every key by `to`, batch by batch, each key in one step: to be killed and run again at any time. What is sealed under
 * the keys stays as it is. Resolves when no key is left that an old master key wraps, and is refused when processes that
 * still have the old one go on making such keys.
 */
export async function rotateMasterKey(pool: Pool, keys: MasterKeys, progress: Progress): Promise<number> {
  const from = new Map(keys.from.map((key) => [key.id, key]));
  if (from.has(keys.to.id)) {
    throw new KeyRefusal('MASTER_KEY_SAME', `the new master key and an old one are the same: ${keys.to.id}`);
  }
  await refuseUnknown(pool, keys);
  let total = 0;
  for (const place of PLACES) total += await rewrapAll(pool, place, keys.to, from, progress);
  return total;
}

async function refuseUnknown(pool: Pool, { to, from }: MasterKeys): Promise<void> {
  const given = [to, ...from].map(({ id }) => id);
  for (const place of PLACES) {
    for (const [id, count] of await countByMasterKey(pool, place)) {
      if (given.includes(id)) continue;
      throw new KeyRefusal(
        'MASTER_KEY_UNKNOWN',
        `${count} keys in ${place.table} are wrapped by the master key ${id}, which was not given (given: ${given.join(', ')})`,
      );
    }
  }
}

/** Again from the start while a pass leaves something: keys are made while it goes on, and stand anywhere. */
async function rewrapAll(
  pool: Pool,
  place: Place,
  to: MasterKey,
  from: ReadonlyMap<string, MasterKey>,
  progress: Progress,
): Promise<number> {
  let total = 0;
  for (let pass = 1; ; pass++) {
    const counts = await countByMasterKey(pool, place);
    counts.delete(to.id);
    const left = [...counts.values()].reduce((sum, count) => sum + count, 0);
    if (left === 0) return total;
    if (pass > PASSES) {
      throw new KeyRefusal(
        'MASTER_KEY_IN_USE',
        `${left} keys in ${place.table} were wrapped by ${[...counts.keys()].join(', ')} while this went on: start every process with the new MASTER_KEY, and run this again`,
      );
    }
    total += await rewrapOnce(pool, place, to, from, (done) => progress(place, done, left));
  }
}

async function rewrapOnce(
  pool: Pool,
  place: Place,
  to: MasterKey,
  from: ReadonlyMap<string, MasterKey>,
  progress: (done: number) => void,
): Promise<number> {
  const wrong: string[] = [];
  let done = 0;
  let after: string | null = null;
  for (;;) {
    const batch: WrappedKey[] = await readOthers(pool, place, to.id, after, BATCH);
    if (batch.length === 0) break;
    const rewrapped = batch.flatMap(({ id, wrapped, masterKeyId }) => {
      const key = unwrap(from.get(masterKeyId), wrapped, id);
      if (!key) wrong.push(id);
      return key ? [{ id, was: wrapped, wrapped: to.wrap(key, id) }] : [];
    });
    done += await replaceWrapped(pool, place, to, rewrapped);
    after = batch.at(-1)!.id;
    progress(done);
  }
  if (wrong.length > 0) {
    throw new KeyRefusal(
      'MASTER_KEY_WRONG',
      `${wrong.length} keys in ${place.table} do not open with the master key that they name, and were left as they are; the first: ${wrong[0]}`,
    );
  }
  return done;
}

function unwrap(masterKey: MasterKey | undefined, wrapped: Buffer, id: string): Buffer | null {
  try {
    return masterKey?.unwrap(wrapped, id) ?? null;
  } catch {
    return null;
  }
}
