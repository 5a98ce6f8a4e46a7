import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead, readStream } from '#event-log/read.js';
import { livingKeys } from '#event-log/subject-keys.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool, QueryConfig } from 'pg';
import { SessionLog } from '../../../session-projector/test/session-log.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { policy } from '../access/caller.js';
import { Decisions } from './decisions.js';
import { ErasePersonalData, ErasePersonalDataHandler } from './erase-personal-data.js';

const ADA = accountStreamId('ada');

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let others: SessionLog;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  others = await SessionLog.open(database.appUrl, masterKey.toString('base64'), () => undefined);
});
afterEach(async () => {
  await Promise.all([writer.close(), others.close()]);
  await pool.end();
  await database.drop();
});

const masterKey = randomBytes(32);

/** Looks at the keys through a pool that lets something happen right after the first look. */
async function eraseWhile(afterFirstLook: () => Promise<unknown>) {
  let looked = false;
  const watched = {
    async query(question: QueryConfig) {
      const answer = await pool.query(question);
      if (question.name === 'log-living-keys' && !looked) {
        looked = true;
        await afterFirstLook();
      }
      return answer;
    },
  } as unknown as Pool;
  const vault = new Vault(pool, new MasterKey(masterKey), (await readHead(pool)).logId);
  const handler = new ErasePersonalDataHandler(
    new Decisions(pool, writer, vault),
    new AccountFolds(pool, 10),
    watched,
  );
  return handler.execute(new ErasePersonalData(policy(), 'ada'));
}

describe('an erasure', () => {
  it('leaves no key of what was recorded before it, whatever others record while it looks', async () => {
    await others.issue('ada');
    const { months } = await eraseWhile(async () => {
      await eraseWhile(async () => undefined);
      await others.issue('ada');
    });
    expect(months).toEqual(['2026-11-01']);
    expect((await readStream(pool, ADA, 0)).map(({ type }) => type)).toEqual([
      'SessionIssued',
      'PersonalDataErased',
      'SessionIssued',
      'PersonalDataErased',
    ]);
    expect(await livingKeys(pool, ADA)).toEqual([]);
  });

  it('that finds nothing records nothing', async () => {
    expect(await eraseWhile(async () => undefined)).toEqual({ months: [], position: 0 });
    expect((await readHead(pool)).position).toBe(0);
  });
});
