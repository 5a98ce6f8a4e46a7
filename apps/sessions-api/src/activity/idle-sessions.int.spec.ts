import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sessionIdFrom } from '#domain/identifier.js';
import { AccountFolds, accountStreamId } from '#event-log/account-stream.js';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { until } from '../../../../test/harness/until.js';
import { Decisions } from '../commands/decisions.js';
import { RevokeSessionHandler } from '../commands/revoke-session.js';
import type { Config } from '../config.js';
import { ListActiveSessions, ListActiveSessionsHandler } from '../queries/list-active-sessions.js';
import type { BusConnection } from '../relay/bus-connection.js';
import { ActivityRecorder } from './activity-recorder.js';
import { IdleSessions } from './idle-sessions.js';

const MINUTE = 60_000;

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let accounts: AccountFolds;
let vault: Vault;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  accounts = new AccountFolds(pool, 100);
  vault = new Vault(pool, new MasterKey(randomBytes(32)), (await readHead(pool)).logId);
});
afterAll(async () => {
  await writer.close();
  await pool.end();
  await database.drop();
});

/** A process with the policy of `minutes`. */
function processWith({ minutes = 30, isConnected = true } = {}) {
  const bus = { isConnected, connection: undefined } as unknown as BusConnection;
  const config = { SESSION_IDLE_MINUTES: minutes } as Config;
  const activity = new ActivityRecorder(bus, pool, config);
  const revoke = new RevokeSessionHandler(new Decisions(pool, writer, vault), accounts);
  const idle = new IdleSessions(accounts, activity, revoke, config);
  const lists = new ListActiveSessionsHandler(pool, accounts, vault, activity, idle);
  return {
    bus,
    activity,
    async isEnded(accountId: string, sessionId: string) {
      return idle.endIfIdle(accountId, await accounts.current(accountStreamId(accountId)), sessionId);
    },
    async listed(accountId: string) {
      const page = await lists.execute(new ListActiveSessions(accountId, { page: 1, limit: 50 }));
      return page.sessions.map(({ sessionId }) => sessionId);
    },
  };
}

const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE).toISOString();

async function issued(accountId: string, minutesAgo: number): Promise<string> {
  const sessionId = sessionIdFrom(randomBytes(16));
  const data = JSON.stringify({ sessionId, issuedAt: ago(minutesAgo), expiresAt: ago(-600) });
  await writer.append(append(accountStreamId(accountId), null, newEvent({ data })));
  return sessionId;
}

/** As the projector says it: since when it has heard of every use, and until when. */
async function heard(sinceMinutesAgo: number, { minutesAgo = 0 } = {}): Promise<void> {
  await pool.query('DELETE FROM read_model.activity_heard');
  await pool.query(
    `INSERT INTO read_model.activity_heard (since, at, stream_created, sequence) VALUES ($1, $2, 'then', 1)`,
    [ago(sinceMinutesAgo), ago(minutesAgo)],
  );
}
const heardSince = async () =>
  (await pool.query<{ since: Date }>('SELECT since FROM read_model.activity_heard')).rows[0]!.since;

const seen = (sessionId: string, minutesAgo: number) =>
  pool.query('INSERT INTO read_model.activity VALUES ($1, $2)', [sessionId, ago(minutesAgo)]);

const revocations = async (accountId: string) =>
  (
    await pool.query<{ data: string }>(
      `SELECT data FROM event_log.event WHERE stream_id = $1 AND type = 'SessionRevoked' ORDER BY position`,
      [accountStreamId(accountId)],
    )
  ).rows.map(({ data }) => JSON.parse(data) as { sessionId: string; reason: string });

describe('a session that nobody used for longer than the policy allows', () => {
  beforeEach(() => heard(600));

  it('is ended when it is met, and that is recorded once with the reason idle', async () => {
    const sessionId = await issued('ada', 90);
    await seen(sessionId, 32);
    const { isEnded } = processWith();
    expect(await Promise.all([isEnded('ada', sessionId), isEnded('ada', sessionId)])).toContain(true);
    expect(await revocations('ada')).toMatchObject([{ sessionId, reason: 'idle' }]);
  });

  it('is ended before a list is answered, while those in use stay', async () => {
    const [idle, used, fresh] = [await issued('bob', 90), await issued('bob', 90), await issued('bob', 1)];
    await seen(used, 29);
    expect(await processWith().listed('bob')).toEqual([fresh, used]);
    expect(await revocations('bob')).toMatchObject([{ sessionId: idle, reason: 'idle' }]);
  });

  it('counts as used from its issue when it was never seen', async () => {
    const [young, old] = [await issued('carol', 29), await issued('carol', 32)];
    const { isEnded } = processWith();
    expect(await isEnded('carol', young)).toBe(false);
    expect(await isEnded('carol', old)).toBe(true);
  });

  it('counts as used for a minute after each use that was told: within it others are not', async () => {
    const sessionId = await issued('carl', 90);
    await seen(sessionId, 30.9);
    expect(await processWith().isEnded('carl', sessionId)).toBe(false);
  });

  it('stays when this process was told of its use, though the read model was not yet', async () => {
    const sessionId = await issued('dave', 90);
    const { activity, isEnded } = processWith();
    activity.record({ sessionId, at: ago(0) });
    expect(await isEnded('dave', sessionId)).toBe(false);
  });

  it('stays while the policy is off', async () => {
    const sessionId = await issued('erin', 90);
    const { isEnded, listed } = processWith({ minutes: 0 });
    expect(await isEnded('erin', sessionId)).toBe(false);
    expect(await listed('erin')).toEqual([sessionId]);
  });
});

describe('a session that may have been used without anybody hearing of it', () => {
  it.each([
    ['when no projector has ever heard of uses', () => pool.query('DELETE FROM read_model.activity_heard')],
    ['while the projector is down', () => heard(600, { minutesAgo: 1 })],
    ['when there was a gap within the time that the policy allows', () => heard(30)],
  ])('stays %s', async (situation, arrange) => {
    await arrange();
    const sessionId = await issued(situation, 90);
    const { isEnded, listed } = processWith();
    expect(await isEnded(situation, sessionId)).toBe(false);
    expect(await listed(situation)).toEqual([sessionId]);
  });

  it('is ended as soon as uses were heard of for as long as the policy allows', async () => {
    await heard(32);
    const sessionId = await issued('frank', 90);
    expect(await processWith().isEnded('frank', sessionId)).toBe(true);
  });

  it.each<[string, (process: ReturnType<typeof processWith>) => void]>([
    [
      'could not tell of a use, since NATS was away',
      ({ activity }) => activity.record({ sessionId: 'another', at: ago(0) }),
    ],
    ['lost its connection to NATS', ({ bus }) => bus.disconnected()],
  ])('stays when a process %s, whichever meets it', async (situation, happens) => {
    await heard(600);
    const sessionId = await issued(situation, 90);
    const before = Date.now();
    happens(processWith({ isConnected: false }));
    await until(heardSince, (since) => since.getTime() > before);
    expect(await processWith().isEnded(situation, sessionId)).toBe(false);
  });
});
