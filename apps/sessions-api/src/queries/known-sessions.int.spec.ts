import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { sessionIdFrom } from '#domain/identifier.js';
import { AccountFolds, accountStreamId, type AccountState } from '#event-log/account-stream.js';
import { createPool } from '#event-log/connection.js';
import type { CurrentFold } from '#event-log/folds.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { ActivityRecorder } from '../activity/activity-recorder.js';
import type { IdleSessions } from '../activity/idle-sessions.js';
import type { Config } from '../config.js';
import type { BusConnection } from '../relay/bus-connection.js';
import { ListActiveSessions, ListActiveSessionsHandler } from './list-active-sessions.js';

const STREAM = accountStreamId('ada');

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let vault: Vault;
let accounts: AccountFolds;
let lists: ListActiveSessionsHandler;
let activity: ActivityRecorder;
let sessionId: string;
/** How many sessions the policy ends before a list. */
let idle: number;

beforeEach(async () => {
  jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate'] });
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  vault = new Vault(pool, new MasterKey(randomBytes(32)), (await readHead(pool)).logId);
  accounts = new AccountFolds(pool, 100);
  activity = new ActivityRecorder({ isConnected: true } as BusConnection, pool, {} as Config);
  idle = 0;
  lists = listsBy(accounts);
  sessionId = await issued();
  await shown(2036);
});
afterEach(async () => {
  jest.useRealTimers();
  await writer.close();
  await pool.end();
  await database.drop();
});

function listsBy(folds: AccountFolds): ListActiveSessionsHandler {
  const policy = { endAll: () => Promise.resolve(idle) } as unknown as IdleSessions;
  return new ListActiveSessionsHandler(pool, folds, vault, activity, policy);
}

const times = { issuedAt: '2026-11-24T08:16:00.000Z', expiresAt: '2036-11-24T08:16:00.000Z' };

async function issued(more: object = {}): Promise<string> {
  const id = sessionIdFrom(randomBytes(16));
  const data = JSON.stringify({ sessionId: id, ...times, ...more });
  await writer.append(append(STREAM, null, newEvent({ data })));
  return id;
}

const endOf = (year: number) => `${year}-11-24T08:16:00.000Z`;

/** As if the projector had come to the end of the log, and its sessions expired in this year. */
async function shown(year: number): Promise<void> {
  await pool.query('DELETE FROM read_model.checkpoint');
  await pool.query(
    `INSERT INTO read_model.checkpoint SELECT 'sessions', log_id, epoch, position, hash FROM event_log.head`,
  );
  await pool.query('DELETE FROM read_model.session');
  await pool.query(
    `INSERT INTO read_model.session (session_id, account_id, issued_at, expires_at, issued_position)
     SELECT data::json ->> 'sessionId', 'ada', $1, $2, position FROM event_log.event WHERE type = 'SessionIssued'`,
    [times.issuedAt, endOf(year)],
  );
}

const seen = (at: string) =>
  pool.query(
    'INSERT INTO read_model.activity VALUES ($1, $2) ON CONFLICT (session_id) DO UPDATE SET last_seen_at = $2',
    [sessionId, at],
  );

const list = async (limit = 50, account?: CurrentFold<AccountState>) => {
  account ??= await accounts.current(STREAM);
  return (await lists.execute(new ListActiveSessions('ada', { page: 1, limit }, account))).sessions;
};

describe('a list of an account of which nothing was recorded since its last list', () => {
  beforeEach(async () => {
    await list();
    await shown(2039);
  });

  it('is not read from the read model again', async () => {
    expect(await list()).toMatchObject([{ sessionId, expiresAt: endOf(2036) }]);
  });

  it('asks each ten seconds when its sessions were seen', async () => {
    let before = times.issuedAt;
    for (const seenAt of ['2026-11-25T10:00:00.000Z', '2026-11-26T10:00:00.000Z']) {
      await list();
      await seen(seenAt);
      expect(await list()).toMatchObject([{ lastSeenAt: before }]);
      jest.advanceTimersByTime(10_000);
      expect(await list()).toMatchObject([{ sessionId, expiresAt: endOf(2036), lastSeenAt: seenAt }]);
      before = seenAt;
    }
  });

  it('says at once what this process knows of its sessions', async () => {
    await list();
    const at = '2026-11-25T10:00:00.000Z';
    activity.record({ sessionId, at });
    expect(await list()).toMatchObject([{ lastSeenAt: at }]);
    await seen('2026-11-26T10:00:00.000Z');
    expect(await list()).toMatchObject([{ lastSeenAt: at }]);
  });

  it('is of the sessions that live, for each page as it was asked', async () => {
    const second = await issued({ expiresAt: '2035-11-24T08:16:00.000Z' });
    await shown(2037);
    const account = await accounts.current(STREAM);
    const page = async (page: number, limit: number, now: string) => {
      const listed = await lists.execute(new ListActiveSessions('ada', { page, limit }, { ...account, now }));
      return [listed.total, ...listed.sessions.map((session) => session.sessionId)];
    };
    const early = '2035-11-24T08:15:59.999Z';
    await page(1, 2, early);
    expect(await page(1, 2, early)).toEqual([2, second, sessionId]);
    expect(await page(1, 1, early)).toEqual([2, second]);
    expect(await page(2, 1, early)).toEqual([2, sessionId]);
    expect(await page(1, 2, early)).toEqual([2, second, sessionId]);
    expect(await page(1, 2, '2035-11-24T08:16:00.000Z')).toEqual([1, sessionId]);
    expect(await page(1, 2, '2036-11-24T08:15:59.999Z')).toEqual([1, sessionId]);
    expect(await page(1, 2, '2036-11-24T08:16:00.000Z')).toEqual([0]);
    expect(await page(1, 2, '2036-11-24T08:16:00.001Z')).toEqual([0]);
  });

  it('is the same page for as long as it says the same', async () => {
    await issued({ expiresAt: '2037-11-24T08:16:00.000Z' });
    await shown(2037);
    await list();
    const account = await accounts.current(STREAM);
    const page = (now: string) =>
      lists.execute(new ListActiveSessions('ada', { page: 1, limit: 1 }, { ...account, now }));
    const first = await page('2036-11-24T08:15:00.000Z');
    expect(first).toMatchObject({ total: 2, sessions: [{ expiresAt: endOf(2037) }] });
    expect(await page('2036-11-24T08:15:59.000Z')).toBe(first);
    expect(await page('2036-11-24T08:16:00.000Z')).toMatchObject({ total: 1 });
  });

  it('is read again once anything was recorded, an erasure too', async () => {
    const data = JSON.stringify({ months: ['2026-11-01'] });
    await writer.append(append(STREAM, null, newEvent({ type: 'PersonalDataErased', data })));
    await shown(2037);
    expect(await list()).toMatchObject([{ sessionId, expiresAt: endOf(2037) }]);
  });

  it('is not kept for an account to which something was recorded between its look and the list', async () => {
    await issued();
    const account = await accounts.current(STREAM);
    await issued();
    for (const year of [2037, 2038]) {
      await shown(year);
      expect((await list(50, account)).map((session) => session.expiresAt)).toEqual([
        endOf(year),
        endOf(year),
        endOf(year),
      ]);
    }
  });

  it('is read again when a session was ended for being idle', async () => {
    idle = 1;
    expect(await list()).toMatchObject([{ sessionId, expiresAt: endOf(2039) }]);
  });

  it('is read again when it shows what was not listed before', async () => {
    const second = await issued();
    await shown(2037);
    expect(await list(1)).toMatchObject([{ sessionId: second }]);
    expect(await list()).toMatchObject([{ sessionId: second }, { sessionId }]);
  });

  it('is not read again for one who came with a key, whose look was at another stream', async () => {
    accounts = new AccountFolds(pool, 100);
    lists = listsBy(accounts);
    const look = await accounts.current('account-bob');
    expect(await list(50, look)).toMatchObject([{ sessionId, expiresAt: endOf(2039) }]);
    await shown(2040);
    expect(await list(50, look)).toMatchObject([{ sessionId, expiresAt: endOf(2039) }]);
  });

  it('is read again after five minutes', async () => {
    jest.advanceTimersByTime(5 * 60_000);
    expect(await list()).toMatchObject([{ sessionId, expiresAt: endOf(2039) }]);
  });
});
