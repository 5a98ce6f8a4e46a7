import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { MasterKey } from './master-key.js';
import { readHead, readStream } from './read.js';
import type { PersonalData } from './sealing.js';
import { Vault } from './vault.js';
import { LogWriter } from './writer.js';

const NOVEMBER = '2026-11-24T10:00:00.000Z';
const DECEMBER = '2026-12-01T00:00:00.000Z';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let vault: Vault;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  vault = new Vault(pool, new MasterKey(Buffer.alloc(32, 7)), (await readHead(pool)).logId);
});
afterAll(async () => {
  await writer.close();
  await pool.end();
  await database.drop();
});

async function record(streamId: string, now: string, data: PersonalData): Promise<string> {
  const { key, isNew } = await vault.keyFor(streamId, now);
  const eventId = randomUUID();
  const sealed = vault.seal(data, key, { streamId, eventId, type: 'SessionIssued' });
  await writer.append({
    ...append(streamId, null, newEvent({ eventId, sealed })),
    ...(isNew && { subjectKey: key }),
  });
  return key.keyId;
}

const opened = async (streamId: string) => vault.open(await readStream(pool, streamId, 0));

describe('what is personal in the events of an account', () => {
  it('is sealed under one key a month, which goes into the log with the first event', async () => {
    const first = await record('account-a', NOVEMBER, { ipAddress: '203.0.113.1' });
    const second = await record('account-a', NOVEMBER, { ipAddress: '203.0.113.2' });
    const third = await record('account-a', DECEMBER, { ipAddress: '203.0.113.3' });
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(await opened('account-a')).toEqual([
      { ipAddress: '203.0.113.1' },
      { ipAddress: '203.0.113.2' },
      { ipAddress: '203.0.113.3' },
    ]);
  });

  it('is under another key than that of any other account', async () => {
    expect(await record('account-b', NOVEMBER, {})).not.toBe(await record('account-c', NOVEMBER, {}));
  });

  it('is null where nothing was sealed', async () => {
    await writer.append(append('account-plain', 0, newEvent()));
    expect(await opened('account-plain')).toEqual([null]);
  });

  it('is gone once its key is destroyed, and what comes later gets a new one', async () => {
    const destroyed = await record('account-d', NOVEMBER, { ipAddress: '203.0.113.4' });
    await record('account-d', DECEMBER, { ipAddress: '203.0.113.5' });
    await pool.query('UPDATE event_log.subject_key SET wrapped_key = NULL WHERE key_id = $1', [destroyed]);
    expect(await opened('account-d')).toEqual([null, { ipAddress: '203.0.113.5' }]);

    expect(await record('account-d', NOVEMBER, { ipAddress: '203.0.113.6' })).not.toBe(destroyed);
    expect(await opened('account-d')).toEqual([
      null,
      { ipAddress: '203.0.113.5' },
      { ipAddress: '203.0.113.6' },
    ]);
  });
});

describe('a key for an append that conflicts', () => {
  it('is not in the log', async () => {
    await writer.append(append('account-e', 0, newEvent()));
    const { key } = await vault.keyFor('account-e', NOVEMBER);
    const outcome = await writer.append({ ...append('account-e', 0, newEvent()), subjectKey: key });
    expect(outcome).toEqual({ kind: 'conflict' });
    expect(await vault.keyFor('account-e', NOVEMBER)).toMatchObject({ isNew: true });
  });
});
