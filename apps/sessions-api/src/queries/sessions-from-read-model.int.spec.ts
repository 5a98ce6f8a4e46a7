import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import type { PersonalData } from '#event-log/sealing.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { sessionsFromReadModel } from './sessions-from-read-model.js';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let vault: Vault;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  vault = new Vault(pool, new MasterKey(Buffer.alloc(32, 7)), (await readHead(pool)).logId);
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
const lists = () => sessionsFromReadModel(pool, vault);
const list = (accountId = 'ada') => lists()({ accountId, page: { page: 1, limit: 50 } });

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

describe('what is personal in a list from the read model', () => {
  const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';

  /** Issues a session about which this was told, and projects it. */
  async function issue(accountId: string, data: PersonalData | null): Promise<string> {
    const streamId = `account-${accountId}`;
    const event = newEvent({ data: JSON.stringify({ sessionId: `session_${randomUUID()}` }) });
    const { key, isNew } = await vault.keyFor(streamId, '2026-11-24T08:16:00.000Z');
    const sealed = data && vault.seal(data, key, { streamId, ...event });
    await writer.append({
      ...append(streamId, null, { ...event, sealed }),
      subjectKey: data && isNew ? key : undefined,
    });
    await pool.query(
      `INSERT INTO read_model.session SELECT data::json ->> 'sessionId', $1, position, '2026-11-24T08:16:00Z', 'infinity'
       FROM event_log.event WHERE event_id = $2`,
      [accountId, event.eventId],
    );
    await pool.query(
      'UPDATE read_model.checkpoint SET (position, hash) = (SELECT position, hash FROM event_log.head)',
    );
    return (JSON.parse(event.data) as { sessionId: string }).sessionId;
  }

  it('is opened from the log, for each session its own', async () => {
    const first = await issue('eve', { ipAddress: '203.0.113.9', userAgent: FIREFOX, fingerprint: 'f' });
    const second = await issue('eve', null);
    const third = await issue('eve', { ipAddress: '2001:db8::1' });
    const told = (sessionId: string, of: object) => ({
      sessionId,
      ipAddress: null,
      userAgent: null,
      fingerprint: null,
      browser: null,
      os: null,
      device: null,
      ...of,
    });
    expect((await list('eve'))?.sessions).toMatchObject([
      told(third, { ipAddress: '2001:db8::1' }),
      told(second, {}),
      told(first, {
        ipAddress: '203.0.113.9',
        userAgent: FIREFOX,
        fingerprint: 'f',
        browser: 'Firefox',
        os: 'Linux',
        device: 'Desktop',
      }),
    ]);
  });

  it('is gone with its key, before any projector hears of it', async () => {
    await issue('eve', { ipAddress: '203.0.113.9' });
    await pool.query('UPDATE event_log.subject_key SET wrapped_key = NULL');
    expect(await list('eve')).toMatchObject({ total: 1, sessions: [{ ipAddress: null }] });
  });

  it('that does not open fails the one list, and none that is asked for with it', async () => {
    await issue('eve', { ipAddress: '203.0.113.9' });
    await issue('bob', { ipAddress: '203.0.113.10' });
    await pool.query(`UPDATE event_log.subject_key SET wrapped_key = 'x' WHERE stream_id = 'account-eve'`);
    const together = lists();
    const asked = ['eve', 'bob'].map((accountId) => together({ accountId, page: { page: 1, limit: 50 } }));
    expect(await Promise.allSettled(asked)).toMatchObject([
      { status: 'rejected' },
      { status: 'fulfilled', value: { sessions: [{ ipAddress: '203.0.113.10' }] } },
    ]);
  });
});
