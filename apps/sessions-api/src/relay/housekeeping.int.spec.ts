import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { readHead } from '#event-log/read.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, keyed, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { keepHouse } from './housekeeping.js';

const MINUTE = 60_000;

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
});
afterEach(async () => {
  await writer.close();
  await pool.end();
  await database.drop();
});

/** A revocation whose last credential expires in so many minutes. */
const revocation = (expiresIn: number) =>
  newEvent({
    type: 'SessionRevoked',
    data: JSON.stringify({ credentialsExpireAt: new Date(Date.now() + expiresIn * MINUTE).toISOString() }),
  });
const revoke = (...expiresIn: number[]) =>
  writer.append(append('account-ada', null, newEvent(), ...expiresIn.map(revocation)));
const floor = async () => {
  await keepHouse(pool);
  return (await readHead(pool)).revocationsFloor;
};

describe('the floor of the revocations', () => {
  it('is raised up to the first one whose credentials may still be in use', async () => {
    await revoke(-60, -6, 30, -60);
    expect(await floor()).toBe(2);
  });

  it('leaves five minutes of grace', async () => {
    await revoke(-6, -4);
    expect(await floor()).toBe(1);
  });

  it('reaches the newest one when all have expired, and goes on from there', async () => {
    expect(await floor()).toBe(0);
    await revoke(-60, -60);
    expect(await floor()).toBe(2);
    await revoke(-60, 30);
    expect(await floor()).toBe(3);
    expect(await floor()).toBe(3);
  });

  it('passes over more than one step in one go', async () => {
    await revoke(...Array.from({ length: 10_001 }, () => -60));
    expect(await floor()).toBe(10_001);
  });

  it('moves nothing else of the head', async () => {
    await revoke(-60, 30);
    const { revocationsFloor: _, ...before } = await readHead(pool);
    await keepHouse(pool);
    expect(await readHead(pool)).toEqual({ ...before, revocationsFloor: 1 });
  });
});

describe('the outcomes of commands', () => {
  it('are kept for seven days', async () => {
    for (const key of ['old', 'young']) {
      await writer.append({ ...append('account-ada', null), command: keyed(key, {}) });
    }
    const owner = createPool(database.ownerUrl);
    await owner.query(`UPDATE event_log.command
      SET recorded_at = now() - CASE key WHEN 'old' THEN interval '169 hours' ELSE interval '167 hours' END`);
    await owner.end();
    await keepHouse(pool);
    expect((await pool.query('SELECT key FROM event_log.command')).rows).toEqual([{ key: 'young' }]);
  });
});

describe('a subscriber', () => {
  it('is forgotten ten minutes after its lease, when it will not come back', async () => {
    await pool.query(`INSERT INTO effect.subscriber (service, instance, boot_id, policy, leased_until)
      SELECT 'billing', minutes::text, 'boot', 'refuse', now() - minutes * interval '1 minute'
      FROM unnest(ARRAY[-1, 9, 11]) AS minutes`);
    await keepHouse(pool);
    const { rows } = await pool.query('SELECT instance FROM effect.subscriber ORDER BY instance');
    expect(rows.map(({ instance }) => instance)).toEqual(['-1', '9']);
  });
});
