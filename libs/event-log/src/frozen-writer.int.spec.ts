import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import {
  isCommit,
  isStatement,
  startPostgresProxy,
  type PostgresProxy,
} from '../../../test/harness/postgres-proxy.js';
import { createPool } from './connection.js';
import { readHead, readStream } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;
let proxy: PostgresProxy;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  proxy = await startPostgresProxy(database.appUrl);
});
afterAll(async () => {
  await proxy.close();
  await pool.end();
  await auditLog(database.ownerUrl);
  await database.drop();
});

describe('a writer whose process is stopped while it holds the lock of the log', () => {
  it.each([
    ['before it has written', isStatement('log-write-group')],
    ['before its COMMIT', isCommit],
  ])('%s loses the lock within about 2 s, and its events are not in the log', async (name, moment) => {
    const stopped = new LogWriter(proxy.url);
    const other = new LogWriter(database.appUrl);
    await Promise.all([stopped, other].map((one) => one.append(append('account-warm', null, newEvent()))));
    const before = await readHead(pool);

    const frozen = proxy.trap(moment, 'freeze');
    const lost = stopped.append(append(`account-${name}`, 0, newEvent()));
    await frozen;
    const since = performance.now();
    const outcome = await other.append(append('account-other', null, newEvent()));
    expect(performance.now() - since).toBeLessThan(4_000);
    expect(outcome).toMatchObject({ kind: 'appended', events: [{ position: before.position + 1 }] });

    proxy.thaw();
    await expect(lost).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(await readStream(pool, `account-${name}`, 0)).toEqual([]);
    expect(await stopped.append(append(`account-${name}`, 0, newEvent()))).toMatchObject({
      kind: 'appended',
    });
    await Promise.all([stopped.close(), other.close()]);
  });
});

describe('a lock of the log that somebody else holds', () => {
  it('makes an append wait for 5 s at most, and then nothing is written', async () => {
    const writer = new LogWriter(database.appUrl);
    await writer.append(append('account-warm', null, newEvent()));
    const before = await readHead(pool);
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM event_log.head FOR UPDATE');
    const since = performance.now();
    await expect(writer.append(append('account-waiting', 0, newEvent()))).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
    expect(performance.now() - since).toBeLessThan(7_000);
    await holder.query('ROLLBACK');
    holder.release();
    expect(await readHead(pool)).toEqual(before);
    expect(await writer.append(append('account-waiting', 0, newEvent()))).toMatchObject({ kind: 'appended' });
    await writer.close();
  });
});
