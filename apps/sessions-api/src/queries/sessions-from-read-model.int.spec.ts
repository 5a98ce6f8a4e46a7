import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { sessionsFromReadModel } from './sessions-from-read-model.js';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  await record(2);
  await pool.query(`
    INSERT INTO read_model.checkpoint SELECT 'sessions', log_id, epoch, position, hash FROM event_log.head`);
});
afterEach(async () => {
  await writer.close();
  await pool.end();
  await database.drop();
});

const record = (events: number, streamId = 'account-ada') =>
  writer.append(append(streamId, null, ...Array.from({ length: events }, () => newEvent({}))));
const list = (accountId = 'ada') => sessionsFromReadModel(pool)({ accountId, page: { page: 1, limit: 50 } });

describe('a list from the read model', () => {
  it('is given when its checkpoint has reached what was last recorded for the account', async () => {
    expect(await list()).toEqual({ total: 0, sessions: [], position: 2 });
    await record(3, 'account-bob');
    expect(await list()).toEqual({ total: 0, sessions: [], position: 2 });
  });

  it('is given of an account that the log has never heard of', async () => {
    expect(await list('nobody')).toEqual({ total: 0, sessions: [], position: 0 });
  });

  it.each([
    ['is behind the account', 'position = 1, hash = (SELECT hash FROM event_log.event WHERE position = 1)'],
    ['is of another epoch', 'epoch = 2'],
    ['is of another log', 'log_id = gen_random_uuid()'],
    ['is ahead of a log that was put back to an older copy', 'position = 9'],
    [
      'names another event than the log has there since it was put back',
      `hash = decode(repeat('ab', 32), 'hex')`,
    ],
  ])('is not given when the checkpoint %s', async (_, change) => {
    await pool.query(`UPDATE read_model.checkpoint SET ${change}`);
    expect(await list()).toBeNull();
  });

  it('is not given before anything was projected', async () => {
    await pool.query('DELETE FROM read_model.checkpoint');
    expect(await list()).toBeNull();
  });
});
