import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, keyed, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { readHead, readOutcome } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let owner: Pool;
let writer: LogWriter;

beforeAll(async () => {
  database = await createDatabase();
  owner = createPool(database.ownerUrl);
  writer = new LogWriter(database.appUrl);
});
afterAll(async () => {
  await writer.close();
  await owner.end();
  await database.drop();
});

const putHeadAhead = (seconds: number) =>
  owner.query(
    `UPDATE event_log.head SET recorded_at = date_trunc('milliseconds', clock_timestamp()) + $1 * interval '1 second'`,
    [seconds],
  );

describe('a clock that fell behind the log', () => {
  it('by little gives events the time of the one before', async () => {
    await putHeadAhead(4);
    const { recordedAt } = await readHead(owner);
    const outcome = await writer.append(append('account-a', null, newEvent()));
    expect(outcome).toMatchObject({ events: [{ recordedAt }] });
    expect((await readHead(owner)).recordedAt).toBe(recordedAt);
  });

  it('by more than 5 s stops appends and records nothing, until it has caught up', async () => {
    await putHeadAhead(60);
    const before = await readHead(owner);
    const appends = [
      append('account-a', null, newEvent()),
      { ...append('account-a', 1), command: keyed('behind', 'x') },
    ];
    const results = await Promise.allSettled(appends.map((one) => writer.append(one)));
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'LOG_CLOCK_BEHIND', message: expect.stringMatching(/\d+ ms ahead/) },
      });
    }
    expect(await readHead(owner)).toEqual(before);
    expect(await readOutcome(owner, keyed('behind', null))).toBeUndefined();

    await putHeadAhead(0);
    expect(await writer.append(append('account-a', 1, newEvent()))).toMatchObject({ kind: 'appended' });
  });
});
