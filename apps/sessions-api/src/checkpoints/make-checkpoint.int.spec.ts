import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseCheckpoint } from '#event-log/checkpoint.js';
import { MasterKey } from '#event-log/master-key.js';
import { openNote, verifierText } from '#event-log/signed-note.js';
import { verifyDatabase } from '#event-log/verify/verify-database.js';
import { TamperedLog } from '../../../../test/harness/tampered-log.js';
import { rotateCheckpointKey } from '../keys/rotate-checkpoint-key.js';
import { checkpointVerifiers, latestCheckpoint, type StoredCheckpoint } from './checkpoint-table.js';
import { makeCheckpoint } from './make-checkpoint.js';

let log: TamperedLog;
const masterKey = new MasterKey(randomBytes(32));

beforeEach(async () => {
  log = await TamperedLog.create();
  await log.write(1);
});
afterEach(() => log.close());

const make = async () => (await makeCheckpoint(log.app, masterKey))!;
const opened = async ({ note }: StoredCheckpoint) =>
  parseCheckpoint(openNote(note, await checkpointVerifiers(log.app, (await log.head()).logId)));

describe('a checkpoint', () => {
  it('says what the log was, signed by the key that was made for it', async () => {
    const { logId, epoch, position, hash } = await log.head();
    const made = await make();
    expect(await opened(made)).toEqual({ logId, epoch, position, hash, madeAt: made.madeAt });
    expect(made).toMatchObject({ number: 1, epoch, position });
    expect(await latestCheckpoint(log.app)).toEqual(made);
  });

  it('is numbered on, by one key, when many are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, make));
    expect(new Set(made.map(({ number }) => number))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
    for (const one of made) expect(await opened(one)).toBeDefined();
    expect((await log.app.query('SELECT FROM event_log.checkpoint_key')).rowCount).toBe(1);
    expect(await verifyDatabase(log.owner)).toMatchObject({
      findings: [],
      storedCheckpoints: { agreed: 8 },
    });
  });

  it('waits for nobody who appends, and nobody who appends for it', async () => {
    await log.owner.query('BEGIN; SELECT FROM event_log.head FOR UPDATE');
    expect(await make()).toMatchObject({ number: 1 });
    await log.owner.query('COMMIT; BEGIN; SELECT pg_advisory_xact_lock(51600007)');
    await log.write(1);
    await log.owner.query('COMMIT');
  });

  it('is not changed or taken away by the application, nor without going around a guard by the owner', async () => {
    await make();
    await log.owner.query('SET session_replication_role = origin');
    for (const statement of [
      `UPDATE event_log.checkpoint SET note = ''`,
      'DELETE FROM event_log.checkpoint',
      'TRUNCATE event_log.checkpoint',
    ]) {
      await expect(log.app.query(statement)).rejects.toThrow('permission denied for table checkpoint');
      await expect(log.owner.query(statement)).rejects.toThrow('append-only');
    }
  });

  it('is signed by a new key once that has replaced the old one, and both are known', async () => {
    const before = await make();
    const key = await rotateCheckpointKey(log.app, masterKey);
    const after = await make();
    const verifiers = await checkpointVerifiers(log.app, (await log.head()).logId);
    expect(verifiers).toHaveLength(2);
    expect(verifierText(verifiers[0]!)).toBe(key);
    expect(() => openNote(after.note, verifiers.slice(0, 1))).not.toThrow();
    expect(() => openNote(before.note, verifiers.slice(0, 1))).toThrow('none of the keys');
    expect(await verifyDatabase(log.owner)).toMatchObject({ findings: [], storedCheckpoints: { agreed: 2 } });
  });
});

describe('the key that signs checkpoints', () => {
  const keys = async () =>
    (await log.app.query('SELECT key_id, wrapped_key FROM event_log.checkpoint_key ORDER BY created_at'))
      .rows;

  it('is not replaced with a master key that the processes do not have', async () => {
    await make();
    const before = await keys();
    await expect(rotateCheckpointKey(log.app, new MasterKey(randomBytes(32)))).rejects.toThrow(
      'not wrapped by',
    );
    expect(await keys()).toEqual(before);
  });

  it('is one alone that can sign, however many replace it at once', async () => {
    await Promise.all(Array.from({ length: 4 }, () => rotateCheckpointKey(log.app, masterKey)));
    expect((await keys()).map(({ wrapped_key }) => wrapped_key !== null)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    await make();
    expect(await verifyDatabase(log.owner)).toMatchObject({ findings: [], storedCheckpoints: { agreed: 1 } });
  });
});

describe('a log that contradicts its newest checkpoint', () => {
  const refused = async (code: string) => {
    await expect(make()).rejects.toMatchObject({ name: 'CheckpointRefusal', code });
    expect(await latestCheckpoint(log.app)).toMatchObject({ number: 1 });
  };

  it('is not signed when it has lost its end', async () => {
    const { position } = await make();
    await log.owner.query('DELETE FROM event_log.event WHERE position = $1', [position]);
    await log.rewriteFrom(position);
    await refused('LOG_BEHIND_CHECKPOINT');
  });

  it('is not signed when it was rewritten, however far it has come since', async () => {
    await make();
    await log.owner.query(`UPDATE event_log.event SET data = '{}' WHERE position = 2`);
    await log.rewriteFrom(2);
    await refused('LOG_DIFFERS_FROM_CHECKPOINT');
    await log.write(1);
    await refused('LOG_DIFFERS_FROM_CHECKPOINT');
  });

  it('is not signed when it is another log, or of an earlier epoch', async () => {
    await log.owner.query('UPDATE event_log.head SET epoch = 3');
    await make();
    await log.owner.query('UPDATE event_log.head SET epoch = 2');
    await refused('LOG_BEHIND_CHECKPOINT');
    await log.owner.query('UPDATE event_log.head SET epoch = 3, log_id = gen_random_uuid()');
    await refused('LOG_DIFFERS_FROM_CHECKPOINT');
  });

  it('is not signed when its head is not that of its events', async () => {
    await make();
    await log.owner.query('UPDATE event_log.head SET hash = sha256(hash)');
    await refused('HEAD_DIFFERS_FROM_LOG');
    await log.owner.query('UPDATE event_log.head SET position = position + 1');
    await refused('HEAD_DIFFERS_FROM_LOG');
  });

  it('is signed in a new epoch, which gives up what was lost', async () => {
    const { position } = await make();
    await log.owner.query('DELETE FROM event_log.event WHERE position = $1', [position]);
    await log.rewriteFrom(position);
    await log.owner.query('UPDATE event_log.head SET epoch = 2');
    expect(await make()).toMatchObject({ number: 2, epoch: 2, position: position - 1 });
  });
});
