import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let app: Pool;
let owner: Pool;

beforeAll(async () => {
  database = await createDatabase();
  app = createPool(database.appUrl);
  owner = createPool(database.ownerUrl);
  const writer = new LogWriter(database.appUrl);
  await writer.append(append('account-a', 0, newEvent(), newEvent()));
  await writer.close();
});
afterAll(async () => {
  await auditLog(database.ownerUrl);
  await Promise.all([app.end(), owner.end()]);
  await database.drop();
});

const changes = [
  `UPDATE event_log.event SET data = '{"forged":true}'`,
  `UPDATE event_log.event SET hash = hash WHERE false`,
  `DELETE FROM event_log.event WHERE position = 2`,
  `TRUNCATE event_log.event`,
  `INSERT INTO event_log.event SELECT * FROM event_log.event ON CONFLICT (position) DO UPDATE SET data = ''`,
];

describe('an event that is recorded', () => {
  it.each(changes)('is not changed by the owner either: %s', async (statement) => {
    await expect(owner.query(statement)).rejects.toMatchObject({
      code: '42501',
      message: expect.stringMatching(/append-only: (UPDATE|DELETE|TRUNCATE) refused/),
    });
  });

  it.each(changes)('may not even be tried by the role of the application: %s', async (statement) => {
    await expect(app.query(statement)).rejects.toMatchObject({
      code: '42501',
      message: 'permission denied for table event',
    });
  });
});

describe('the role of the application', () => {
  it.each([
    ['switch the guard off', 'ALTER TABLE event_log.event DISABLE TRIGGER ALL'],
    ['replicate past the guard', `SET session_replication_role = replica`],
    [
      'replace the guard',
      `CREATE OR REPLACE FUNCTION event_log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    ],
    ['drop the log', 'DROP TABLE event_log.event'],
    ['remove the head', 'DELETE FROM event_log.head'],
    ['add a second head', 'INSERT INTO event_log.head SELECT * FROM event_log.head'],
    ['forget a stream', 'DELETE FROM event_log.stream'],
    ['forget a key that data is sealed under', 'DELETE FROM event_log.subject_key'],
    ['rewrite a recorded outcome', `UPDATE event_log.command SET outcome = '1'`],
    ['empty a table', 'TRUNCATE event_log.command'],
    ['make a table', 'CREATE TABLE event_log.mine (x int)'],
  ])('may not %s', async (_, statement) => {
    await expect(app.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});
