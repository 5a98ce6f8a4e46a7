import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { writeActivity } from './write-activity.js';
import { writeHeard } from './write-heard.js';

let database: TestDatabase;
let pool: Pool;
let owner: Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  owner = createPool(database.ownerUrl, { max: 1 });
});
afterAll(async () => {
  await Promise.all([pool.end(), owner.end()]);
  await database.drop();
});

describe('the heartbeat of who hears of uses', () => {
  const hours = 3_600_000;

  /** Somebody has heard of every use for two hours, up to sequence 10 of a stream. */
  async function arrange(): Promise<void> {
    await pool.query('DELETE FROM read_model.activity_heard');
    await hear(1, 10);
    await pool.query(`UPDATE read_model.activity_heard SET since = since - interval '2 hours'`);
  }
  const hear = (from: number, to: number, streamCreated = 'then', agoMs = 0) =>
    writeHeard(pool, { streamCreated, from, to, askedAt: performance.now() - agoMs });
  const heardForMs = async () => {
    const { rows } = await pool.query<{ since: Date; at: Date }>(
      'SELECT since, at FROM read_model.activity_heard',
    );
    return rows[0]!.at.getTime() - rows[0]!.since.getTime();
  };

  it.each([
    ['the next messages', 11, 12],
    ['nothing new', 11, 10],
    ['all that the stream holds, some of it again', 4, 12],
  ])('goes on with %s', async (_, from, to) => {
    await arrange();
    await hear(from, to);
    expect(await heardForMs()).toBeGreaterThan(2 * hours - 1_000);
  });

  it.each([
    ['there is a gap', 12, 15, 'then'],
    ['the stream went back', 1, 9, 'then'],
    ['the stream was made anew', 1, 12, 'later'],
  ])('begins anew when %s', async (_, from, to, streamCreated) => {
    await arrange();
    await hear(from, to, streamCreated);
    expect(await heardForMs()).toBe(0);
  });

  it('tells of the time when the stream was asked, by the clock of PostgreSQL', async () => {
    await pool.query('DELETE FROM read_model.activity_heard');
    await hear(1, 10, 'then', hours);
    const { rows } = await pool.query(
      `SELECT at < clock_timestamp() - interval '59 minutes' AS early FROM read_model.activity_heard`,
    );
    expect(rows).toEqual([{ early: true }]);
  });
});

describe('writing which sessions were seen', () => {
  it('tells when the read model is so far behind that it may lack some of them', async () => {
    const seen = new Map([['session_0000000000000000000001', new Date().toISOString()]]);
    expect(await writeActivity(pool, seen)).toBe(false);
    const writer = new LogWriter(database.appUrl);
    await writer.append(append('account-ada', null, newEvent()));
    await writer.close();
    expect(await writeActivity(pool, seen)).toBe(false);
    await owner.query(`SET session_replication_role = replica;
      UPDATE event_log.event SET recorded_at = recorded_at - interval '11 seconds'`);
    expect(await writeActivity(pool, seen)).toBe(true);
    expect(await writeActivity(pool, new Map())).toBe(false);
  });
});
