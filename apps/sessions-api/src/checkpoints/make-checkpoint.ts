import { checkpointKeyName, checkpointText, parseCheckpoint } from '#event-log/checkpoint.js';
import type { MasterKey } from '#event-log/master-key.js';
import { signNote, textOfNote } from '#event-log/signed-note.js';
import { underLock } from '#event-log/under-lock.js';
import type { ClientBase, Pool } from 'pg';
import { checkpointKey } from './checkpoint-key.js';
import { CheckpointRefusal } from './checkpoint-refusal.js';
import {
  insertCheckpoint,
  latestCheckpoint,
  type LogNow,
  lookAtLog,
  type StoredCheckpoint,
} from './checkpoint-table.js';

const CHECKPOINT_LOCK = 51_600_007;

/** Whoever makes checkpoints or their key, one after the other over all processes. Nobody who appends waits for it. */
export const underCheckpointLock = <Result>(pool: Pool, work: (client: ClientBase) => Promise<Result>) =>
  underLock(pool, CHECKPOINT_LOCK, work);

/**
 * Signs what the log is now, and adds it to the checkpoints. Throws `CheckpointRefusal`, and signs nothing, when it
 * contradicts the one before. `isDue`: looked at under the lock; if it says no, nothing is made.
 */
export function makeCheckpoint(
  pool: Pool,
  masterKey: MasterKey,
  isDue: (log: LogNow, last: StoredCheckpoint | undefined) => boolean = () => true,
): Promise<StoredCheckpoint | undefined> {
  return underCheckpointLock(pool, async (client) => {
    const last = await latestCheckpoint(client);
    const log = await lookAtLog(client, last?.position ?? 0);
    refuseContradiction(log, last);
    if (!isDue(log, last)) return undefined;
    const { logId, epoch, position, hash } = log.head;
    const { publicKey, privateKey } = await checkpointKey(client, masterKey);
    const madeAt = Math.max(log.now, last?.madeAt ?? 0);
    const text = checkpointText({ logId, epoch, position, hash, madeAt });
    const note = signNote(text, { name: checkpointKeyName(logId), publicKey }, privateKey);
    const made = { number: (last?.number ?? 0) + 1, epoch, position, madeAt, note };
    await insertCheckpoint(client, made);
    return made;
  });
}

/** Throws `CheckpointRefusal` unless the log has what `last` says, and its head what its newest event says. */
export function refuseContradiction(
  { head, newest, earlier }: LogNow,
  last: StoredCheckpoint | undefined,
): void {
  if (!newest?.equals(head.hash)) {
    throw new CheckpointRefusal(
      'HEAD_DIFFERS_FROM_LOG',
      `the head of the log says that the event at ${head.position} has the hash ${head.hash.toString('hex')}, and it has ${newest?.toString('hex') ?? 'none'}`,
    );
  }
  if (!last) return;
  const before = parseCheckpoint(textOfNote(last.note));
  const what = `checkpoint ${last.number}, of position ${last.position} in epoch ${last.epoch}`;
  if (before?.logId !== head.logId) {
    throw new CheckpointRefusal(
      'LOG_DIFFERS_FROM_CHECKPOINT',
      `${what}, is of the log ${before?.logId}, and this is ${head.logId}`,
    );
  }
  // What an older copy has lost, a new epoch gives up.
  if (head.epoch > before.epoch) return;
  if (head.epoch < before.epoch || head.position < before.position) {
    throw new CheckpointRefusal(
      'LOG_BEHIND_CHECKPOINT',
      `${what}, lies beyond the log, which is at ${head.position} in epoch ${head.epoch}`,
    );
  }
  if (!earlier?.equals(before.hash)) {
    throw new CheckpointRefusal(
      'LOG_DIFFERS_FROM_CHECKPOINT',
      `${what}, has the hash ${before.hash.toString('hex')}, and the log ${earlier?.toString('hex') ?? 'nothing'} there`,
    );
  }
}
