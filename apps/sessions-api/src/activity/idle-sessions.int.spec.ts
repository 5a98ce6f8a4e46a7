import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

/** The policy of `minutes`, in a process whose connection to NATS has been standing for so long. */
function processWith({ minutes = 30, connectedForMs = 10 * MINUTE } = {}) {
  const bus = { connection: undefined, connectedForMs: () => connectedForMs } as unknown as BusConnection;
  const activity = new ActivityRecorder(bus, pool);
  const revoke = new RevokeSessionHandler(new Decisions(pool, writer, vault), accounts);
  const config = { SESSION_IDLE_MINUTES: minutes } as Config;
  const idle = new IdleSessions(accounts, activity, bus, revoke, config);
  const lists = new ListActiveSessionsHandler(pool, accounts, vault, activity, idle);
  return {
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
  it('is ended when it is met, and that is recorded once with the reason idle', async () => {
    const sessionId = await issued('ada', 90);
    await seen(sessionId, 31);
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
    const [young, old] = [await issued('carol', 29), await issued('carol', 31)];
    const { isEnded } = processWith();
    expect(await isEnded('carol', young)).toBe(false);
    expect(await isEnded('carol', old)).toBe(true);
  });

  it('stays when this process was told of its use, though the read model was not yet', async () => {
    const sessionId = await issued('dave', 90);
    const { activity, isEnded } = processWith();
    activity.record({ sessionId, at: ago(0) });
    expect(await isEnded('dave', sessionId)).toBe(false);
  });

  it.each([
    ['the policy is off', { minutes: 0 }],
    ['NATS is away, so that use cannot be told', { connectedForMs: 0 }],
    ['NATS came back a moment ago', { connectedForMs: 80_000 }],
  ])('stays while %s', async (_, circumstances) => {
    const accountId = `erin-${JSON.stringify(circumstances)}`;
    const sessionId = await issued(accountId, 90);
    const { isEnded, listed } = processWith(circumstances);
    expect(await isEnded(accountId, sessionId)).toBe(false);
    expect(await listed(accountId)).toEqual([sessionId]);
  });
});
