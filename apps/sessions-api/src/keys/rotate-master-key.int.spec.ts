import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { refuseMissingMasterKey } from '#event-log/missing-master-key.js';
import { createSubjectKey, type SubjectKey } from '#event-log/sealing.js';
import type { Pool } from 'pg';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { untilWaitingForLock } from '../../../../test/harness/lock-waits.js';
import { checkpointKey } from '../checkpoints/checkpoint-key.js';
import { underCheckpointLock } from '../checkpoints/make-checkpoint.js';
import { makeSigningKey } from '../access/new-signing-key.js';
import { changeSigningKeys, insertSigningKey } from '../access/signing-key-table.js';
import { rotateMasterKey } from './rotate-master-key.js';

const newMasterKey = () => new MasterKey(randomBytes(32));
const nothing = () => undefined;

describe('a rotation of the master key', () => {
  let database: TestDatabase;
  let owner: Pool;
  let pool: Pool;
  let old: MasterKey;
  let to: MasterKey;

  beforeAll(async () => {
    database = await createDatabase();
    owner = createPool(database.ownerUrl, { max: 3 });
    pool = createPool(database.appUrl, { max: 3 });
  });
  afterAll(async () => {
    await Promise.all([owner.end(), pool.end()]);
    await database.drop();
  });
  beforeEach(async () => {
    [old, to] = [newMasterKey(), newMasterKey()];
    await owner.query(
      'DELETE FROM event_log.subject_key; DELETE FROM event_log.checkpoint_key; DELETE FROM access.signing_key',
    );
  });

  /** In the order in which they are wrapped anew. */
  const subjectKeys = async (count: number, masterKey = old): Promise<SubjectKey[]> => {
    const keys = Array.from({ length: count }, () => createSubjectKey(masterKey, '2026-11-01'));
    await pool.query(
      `INSERT INTO event_log.subject_key (key_id, stream_id, month, wrapped_key, master_key_id)
       SELECT key_id, 'account-' || key_id, '2026-11-01', wrapped_key, $3
       FROM unnest($1::uuid[], $2::bytea[]) AS k (key_id, wrapped_key)`,
      [keys.map(({ keyId }) => keyId), keys.map(({ wrappedKey }) => wrappedKey), masterKey.id],
    );
    return keys.toSorted((one, other) => (one.keyId < other.keyId ? -1 : 1));
  };
  const signingKey = async () => {
    const key = await makeSigningKey(old);
    await changeSigningKeys(pool, (client) => insertSigningKey(client, key, 0));
    return key;
  };
  const stored = async () => {
    const { rows } = await owner.query<{ id: string; wrapped: Buffer | null; masterKeyId: string }>(
      `SELECT key_id::text AS id, wrapped_key AS wrapped, master_key_id AS "masterKeyId" FROM event_log.subject_key
       UNION ALL SELECT kid, wrapped_key, master_key_id FROM access.signing_key`,
    );
    return new Map(rows.map((row) => [row.id, row]));
  };
  const destroy = (keyId: string, db: { query: Pool['query'] } = owner) =>
    db.query('UPDATE event_log.subject_key SET wrapped_key = NULL WHERE key_id = $1', [keyId]);

  it('wraps every key by the new one, and none of them is another key afterwards', async () => {
    const keys = await subjectKeys(1_203);
    const signing = await signingKey();
    const seen: string[] = [];
    const done = await rotateMasterKey(pool, { to, from: [old] }, ({ table }, done, of) =>
      seen.push(`${table} ${done}/${of}`),
    );

    expect(done).toBe(1_204);
    expect(seen).toEqual([
      ...[500, 1_000, 1_203].map((count) => `event_log.subject_key ${count}/1203`),
      'access.signing_key 1/1',
    ]);
    const after = await stored();
    expect(after.size).toBe(1_204);
    for (const { keyId, wrappedKey } of [...keys, { keyId: signing.kid, wrappedKey: signing.wrappedKey }]) {
      const { wrapped, masterKeyId } = after.get(keyId)!;
      expect(masterKeyId).toBe(to.id);
      expect(to.unwrap(wrapped!, keyId)).toEqual(old.unwrap(wrappedKey, keyId));
    }
  });

  it('leaves a destroyed key destroyed, also when it is destroyed between the look and the change', async () => {
    const [before, meanwhile, other] = await subjectKeys(3);
    await destroy(before!.keyId);
    const erasing = await owner.connect();
    await erasing.query('BEGIN');
    await destroy(meanwhile!.keyId, erasing);
    const rotating = rotateMasterKey(pool, { to, from: [old] }, nothing);
    await untilWaitingForLock(owner);
    await erasing.query('COMMIT');
    erasing.release();

    expect(await rotating).toBe(1);
    const after = await stored();
    expect(after.get(before!.keyId)).toMatchObject({ wrapped: null });
    expect(after.get(meanwhile!.keyId)).toMatchObject({ wrapped: null });
    expect(after.get(other!.keyId)).toMatchObject({ masterKeyId: to.id });
  });

  it('finds what a process still wraps by the old one while it goes on, wherever it stands', async () => {
    const last = (await subjectKeys(600)).at(-1)!;
    const holding = await owner.connect();
    await holding.query('BEGIN');
    await holding.query('SELECT FROM event_log.subject_key WHERE key_id = $1 FOR UPDATE', [last.keyId]);
    const rotating = rotateMasterKey(pool, { to, from: [old] }, nothing);
    await untilWaitingForLock(owner);
    // Most of these stand where the first batch has been.
    await subjectKeys(50);
    await holding.query('COMMIT');
    holding.release();

    expect(await rotating).toBe(650);
    expect([...(await stored()).values()].filter(({ masterKeyId }) => masterKeyId !== to.id)).toEqual([]);
  });

  it('does not run for ever after a process that goes on wrapping by the old one, but names what is to be done', async () => {
    await subjectKeys(2);
    const supply = Array.from({ length: 10 }, () => createSubjectKey(old, '2026-11-01'));
    await owner.query(`
      CREATE TABLE supply (key_id uuid, wrapped_key bytea);
      CREATE FUNCTION wrap_one() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        WITH one AS (DELETE FROM public.supply WHERE key_id = (SELECT max(key_id::text)::uuid FROM public.supply) RETURNING *)
        INSERT INTO event_log.subject_key SELECT key_id, 'account-' || key_id, '2026-11-01', wrapped_key, '${old.id}' FROM one;
        RETURN NULL;
      END $$;
      CREATE TRIGGER wrap_one AFTER UPDATE ON event_log.subject_key FOR EACH STATEMENT EXECUTE FUNCTION wrap_one()`);
    await owner.query('INSERT INTO supply SELECT * FROM unnest($1::uuid[], $2::bytea[])', [
      supply.map(({ keyId }) => keyId),
      supply.map(({ wrappedKey }) => wrappedKey),
    ]);
    try {
      await expect(rotateMasterKey(pool, { to, from: [old] }, nothing)).rejects.toMatchObject({
        code: 'MASTER_KEY_IN_USE',
        message: expect.stringContaining('start every process with the new MASTER_KEY'),
      });
    } finally {
      await owner.query('DROP TRIGGER wrap_one ON event_log.subject_key; DROP TABLE supply');
    }
    expect(await rotateMasterKey(pool, { to, from: [old] }, nothing)).toBeGreaterThan(0);
  });

  it('goes on from where another one was killed, and does nothing when nothing is left', async () => {
    await subjectKeys(700);
    const killed = rotateMasterKey(pool, { to, from: [old] }, () => {
      throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    const ids = async () => [...(await stored()).values()].map(({ masterKeyId }) => masterKeyId);
    expect((await ids()).filter((id) => id === to.id)).toHaveLength(500);
    expect(await rotateMasterKey(pool, { to, from: [old] }, nothing)).toBe(200);
    expect(new Set(await ids())).toEqual(new Set([to.id]));
    expect(await rotateMasterKey(pool, { to, from: [old] }, nothing)).toBe(0);
  });

  it('takes several old ones', async () => {
    const older = newMasterKey();
    await subjectKeys(2, older);
    await subjectKeys(3);
    expect(await rotateMasterKey(pool, { to, from: [old, older] }, nothing)).toBe(5);
  });

  it('is refused, and changes nothing, when keys are wrapped by one that was not given', async () => {
    await subjectKeys(2);
    const stranger = newMasterKey();
    await subjectKeys(3, stranger);
    const before = await stored();
    await expect(rotateMasterKey(pool, { to, from: [old] }, nothing)).rejects.toMatchObject({
      code: 'MASTER_KEY_UNKNOWN',
      message: `3 keys in event_log.subject_key are wrapped by the master key ${stranger.id}, which was not given (given: ${to.id}, ${old.id})`,
    });
    expect(await stored()).toEqual(before);
  });

  it('is refused when the new one is an old one', async () => {
    await expect(rotateMasterKey(pool, { to, from: [old, to] }, nothing)).rejects.toMatchObject({
      code: 'MASTER_KEY_SAME',
    });
  });

  it('leaves a key as it is that does not open with the master key that it names, does the rest, and names it', async () => {
    const [damaged] = await subjectKeys(3);
    await owner.query('UPDATE event_log.subject_key SET wrapped_key = $2 WHERE key_id = $1', [
      damaged!.keyId,
      randomBytes(60),
    ]);
    const before = (await stored()).get(damaged!.keyId);
    await expect(rotateMasterKey(pool, { to, from: [old] }, nothing)).rejects.toMatchObject({
      code: 'MASTER_KEY_WRONG',
      message: expect.stringContaining(`1 keys in event_log.subject_key do not open`),
    });
    const after = await stored();
    expect(after.get(damaged!.keyId)).toEqual(before);
    expect([...after.values()].filter(({ masterKeyId }) => masterKeyId === to.id)).toHaveLength(2);
  });

  describe('while keys are left that the old one wraps', () => {
    it('lets no process start without it', async () => {
      await subjectKeys(2);
      await subjectKeys(2, to);
      await expect(refuseMissingMasterKey(pool, to)).rejects.toThrow(
        `there are keys that are wrapped by the master key ${old.id}, which is not among those given here (${to.id})`,
      );
      await refuseMissingMasterKey(pool, new MasterKey(randomBytes(32), [to, old]));
    });

    it('lets none start without it on account of the key of checkpoints alone', async () => {
      await underCheckpointLock(pool, (client) => checkpointKey(client, old));
      await expect(refuseMissingMasterKey(pool, to)).rejects.toThrow(`by the master key ${old.id}, which`);
      expect(await rotateMasterKey(pool, { to, from: [old] }, nothing)).toBe(1);
      await refuseMissingMasterKey(pool, to);
    });

    it('does not ask for it on account of destroyed keys', async () => {
      for (const { keyId } of await subjectKeys(2)) await destroy(keyId);
      await subjectKeys(2, to);
      await refuseMissingMasterKey(pool, to);
    });
  });
});
