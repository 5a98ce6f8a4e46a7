import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Pool } from 'pg';
import { append, keyed, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { untilWaitingForLock } from '../../../test/harness/lock-waits.js';
import {
  isCommit,
  isStatement,
  startPostgresProxy,
  type PostgresProxy,
  type WireMessage,
} from '../../../test/harness/postgres-proxy.js';
import { until } from '../../../test/harness/until.js';
import { createPool } from './connection.js';
import { POSTGRES_TIME } from './postgres-time.js';
import { readHead, readStream } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;
let proxy: PostgresProxy;
let writer: LogWriter;
let other: LogWriter;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
});
beforeEach(async () => {
  stopClock();
  proxy = await startPostgresProxy(database.appUrl);
  writer = new LogWriter(proxy.url);
  other = new LogWriter(database.appUrl);
  await other.append(append('account-warm', null, newEvent()));
  await twoGroups();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all([writer.close(), other.close()]);
  await proxy.close();
  await auditLog(database.ownerUrl);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** However long anything takes here, the last group was just now. */
const stopClock = () => {
  jest.spyOn(performance, 'now').mockReturnValue(performance.now());
  jest.spyOn(Date, 'now').mockReturnValue(Date.now());
};
/** Behind these, nobody else seems to write. */
const twoGroups = async () => {
  for (let group = 1; group <= 2; group++) await writer.append(append('account-warm', null, newEvent()));
};
const isWrittenAtOnce = isStatement('log-write-group-behind');
const isSync = ({ from, type }: WireMessage) => from === 'client' && type === 'S';
const isAnswer = ({ from, type, text }: WireMessage) =>
  from === 'server' && type === 'C' && text === 'SELECT 1\0';
const postgresTime = async () =>
  (await pool.query<{ now: number }>(`SELECT ${POSTGRES_TIME} AS now`)).rows[0]!.now;

describe('a group behind two of the same writer', () => {
  it('is written by one statement, and so is the next', async () => {
    let committed = false;
    void proxy.trap((message) => (committed ||= isCommit(message)) && false, 'cut');
    const before = await readHead(pool);
    const outcome = await writer.append(append('account-at-once', 0, newEvent(), newEvent()));
    expect(outcome).toMatchObject({
      kind: 'appended',
      events: [{ position: before.position + 1, version: 1 }, { version: 2 }],
    });
    await writer.append(append('account-at-once', 2, newEvent()));
    expect(committed).toBe(false);
  });

  it('has a time that is not before any that PostgreSQL has told, and soon over', async () => {
    jest.restoreAllMocks();
    await twoGroups();
    const now = await postgresTime();
    await writer.append(append('account-time', 0, newEvent()));
    const { recordedAt } = await readHead(pool);
    expect(recordedAt).toBeGreaterThanOrEqual(now);
    expect(recordedAt).toBeLessThanOrEqual((await postgresTime()) + 100);
  });

  it('names the row that its streams have now', async () => {
    const first = await writer.append(append('account-row', 0, newEvent()));
    const expectedRow = first.kind === 'appended' ? first.row : null;
    expect(expectedRow).toMatch(/@/);
    const again = { ...append('account-row', 1, newEvent()), expectedRow };
    expect(await writer.append(again)).toMatchObject({ kind: 'appended' });
  });

  it('is written under the lock where somebody else has appended since', async () => {
    const theirs = await other.append(append('account-theirs', null, newEvent()));
    const ours = await writer.append(append('account-ours', 0, newEvent()));
    const position = theirs.kind === 'appended' ? theirs.events[0]!.position : 0;
    expect(ours).toMatchObject({ kind: 'appended', events: [{ position: position + 1 }] });
  });

  it.each([
    ['version', append('account-warm', 1, newEvent())],
    ['row', { ...append('account-moved', 1, newEvent()), expectedRow: '1@1' }],
  ])('has a conflict alone, where a stream has another %s', async (name, stale) => {
    await writer.append(append(stale.streamId, null, newEvent()));
    await twoGroups();
    const good = append(`account-good-${name}`, 0, newEvent());
    const outcomes = await Promise.all([stale, good].map((one) => writer.append(one)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['conflict', 'appended']);
  });

  it('answers a repeated command from its record', async () => {
    const command = keyed('again', 'done');
    const once = () => writer.append({ ...append('account-keyed', 0, newEvent()), command });
    await once();
    await twoGroups();
    expect(await once()).toMatchObject({ kind: 'repeated', outcome: 'done' });
  });

  it('waits for 5 s at most for the lock that somebody else holds, and then nothing is written', async () => {
    const before = await readHead(pool);
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM event_log.head FOR UPDATE');
    const settled = Promise.allSettled([writer.append(append('account-waiting', 0, newEvent()))]);
    await untilWaitingForLock(pool, { application: 'signoff-writer', count: 1 });
    jest.restoreAllMocks();
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'LOG_UNAVAILABLE' } }]);
    await holder.query('ROLLBACK');
    holder.release();
    expect(await readHead(pool)).toEqual(before);
  });
});

describe('a group written at once whose answer is lost', () => {
  it('is found to be in the log, and is not repeated', async () => {
    const before = await readHead(pool);
    const cut = proxy.trap(isAnswer, 'cut');
    const outcome = await writer.append(append('account-lost', 0, newEvent()));
    await cut;
    expect(outcome).toMatchObject({ kind: 'appended', events: [{ version: 1 }], row: null });
    expect((await readHead(pool)).position).toBe(before.position + 1);
  });

  it('is waited for while it holds the lock', async () => {
    const delayed = proxy.trap(isSync, 'delay');
    const pending = writer.append(append('account-delayed', 0, newEvent()));
    await delayed;
    await untilWaitingForLock(pool, { application: 'signoff-writer', count: 1 });
    proxy.thaw();
    expect(await pending).toMatchObject({ kind: 'appended', events: [{ version: 1 }] });
  });

  it('is not written any more when it reaches PostgreSQL later', async () => {
    const before = await readHead(pool);
    const delayed = proxy.trap(isWrittenAtOnce, 'delay');
    const pending = writer.append(append('account-late', 0, newEvent()));
    await delayed;
    await expect(pending).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    const writers = async () =>
      (
        await pool.query<{ count: number }>(
          `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signoff-writer'`,
        )
      ).rows[0]!.count;
    expect(await writers()).toBe(2);
    proxy.thaw();
    await until(writers, (count) => count === 1);
    expect(await readStream(pool, 'account-late', 0)).toEqual([]);
    expect((await readHead(pool)).position).toBe(before.position);
    expect(await writer.append(append('account-late', 0, newEvent()))).toMatchObject({ kind: 'appended' });
  });

  it('is not written when it is cut on its way', async () => {
    const cut = proxy.trap(isWrittenAtOnce, 'cut');
    await expect(writer.append(append('account-cut', 0, newEvent()))).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
    await cut;
    expect(await readStream(pool, 'account-cut', 0)).toEqual([]);
  });
});
