import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { readForward } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { untilWaitingForLock } from '../../../../test/harness/lock-waits.js';
import { SessionLog } from '../../test/session-log.js';
import { Database, projectorPool } from '../database.js';
import type { EventBatch } from '../projection.js';
import { eventFromLog } from '../read-event.js';
import { AUDIT_TABLE } from './audit-table.js';
import { AuditProjection } from './audit.js';
import { ProjectedTables } from './projected-tables.js';
import { SessionsProjection } from './sessions.js';

const masterKey = randomBytes(32);

let database: TestDatabase;
let dataSource: DataSource;
let pool: Pool;
let log: SessionLog;

beforeEach(async () => {
  database = await createDatabase();
  pool = projectorPool({ DATABASE_URL: database.appUrl });
  dataSource = new DataSource({ type: 'postgres', url: database.appUrl, entities: [Checkpoint] });
  log = await SessionLog.open(database.appUrl, masterKey.toString('base64'), () => undefined);
});
afterEach(async () => {
  await Promise.all([log.close(), pool.end(), dataSource.isInitialized && dataSource.destroy()]);
  await database.drop();
});

const means = () =>
  [pool, new Database(dataSource), new MasterKey(masterKey), pino({ level: 'silent' })] as const;
const projection = () => new AuditProjection(...means());

const batchBehind = async (from: CheckpointPosition, size = 1_000): Promise<EventBatch> => ({
  from,
  events: (await readForward(pool, from.position, size)).map(eventFromLog),
});

/** In batches of these sizes, and then the rest. */
async function applied(audit: AuditProjection, sizes: readonly number[] = []): Promise<CheckpointPosition> {
  let at = await audit.resume();
  for (const size of [...sizes, 1_000, 1_000]) {
    const batch = await batchBehind(at, size);
    if (batch.events.length > 0) at = await audit.apply(batch);
  }
  return at;
}

/** Rows of the read model, which nobody else can write until they are released. */
async function heldRows() {
  const owner = createPool(database.ownerUrl);
  const holder = await owner.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM read_model.audit_entry FOR UPDATE');
  return {
    isWaitedFor: (count: number) => untilWaitingForLock(owner, { count }),
    async release() {
      await holder.query('COMMIT');
      holder.release();
      await owner.end();
    },
  };
}

const fenced = expect.objectContaining({ name: 'Fenced' });

describe('an entry of the audit trail', () => {
  it('says of whom, of which session, by whom, why, when and from where', async () => {
    const { account, sessionId } = await log.issue('alice', { ipAddress: '203.0.113.9', note: 'a note' });
    await log.revoke({ account, sessionId });
    await log.keyOf('alice');
    await log.keyOf(null);
    await log.record('audit', { type: 'AuditRead', data: '{"what":"entries","filter":{}}' });
    await applied(projection());
    const rows = await log.auditRows();
    expect(rows).toEqual(await log.auditFolded());
    const byService = { actor_type: 'service', actor_id: 'key_1', credential: 'key_1', reason: null };
    expect(rows).toMatchObject([
      { position: 1, type: 'SessionIssued', account_id: 'alice', session_id: sessionId, ...byService },
      {
        type: 'SessionRevoked',
        session_id: sessionId,
        reason: 'user',
        actor_type: 'account',
        actor_id: 'alice',
      },
      { type: 'ApiKeyCreated', account_id: 'alice', session_id: null, ...byService },
      { type: 'ApiKeyRevoked', account_id: 'alice', actor_type: null },
      { type: 'ApiKeyCreated', account_id: null },
      { type: 'ApiKeyRevoked', account_id: null },
      { position: 7, type: 'AuditRead', account_id: null, ip_address: null },
    ]);
    expect(rows).toMatchObject([
      { ip_address: '203.0.113.9', recorded_at: expect.any(Date) },
      ...Array.from({ length: 6 }, () => ({})),
    ]);
    expect(JSON.stringify(rows)).not.toContain('a note');
  });

  it('takes text that PostgreSQL cannot hold', async () => {
    await log.issue('carol', { ipAddress: 'a\0b' });
    await applied(projection());
    expect(await log.auditRows()).toMatchObject([{ ip_address: 'a\ufffdb' }]);
  });
});

describe('a batch', () => {
  it('is refused a second time, and changes nothing', async () => {
    await log.history();
    const audit = projection();
    const batch = await batchBehind(await audit.resume(), 50);
    await audit.apply(batch);
    const rows = await log.auditRows();
    expect(rows).toHaveLength(50);
    await expect(audit.apply(batch)).rejects.toEqual(fenced);
    expect(await log.auditRows()).toEqual(rows);
  });

  it('with an erasure is written as a whole: where it waits to erase, nothing of it is seen', async () => {
    await log.issue('alice');
    const audit = projection();
    const issued = await applied(audit);
    const [before] = await log.auditRows();
    await log.erase('alice');
    await log.issue('bob');
    const batch = await batchBehind(issued);
    const rows = await heldRows();
    const written = audit.apply(batch);
    await rows.isWaitedFor(1);
    expect(await log.auditRows()).toEqual([before]);
    const checkpoint = await pool.query('SELECT position FROM read_model.checkpoint');
    expect(checkpoint.rows).toEqual([{ position: issued.position }]);
    await rows.release();
    await written;
    expect(await log.auditRows()).toEqual(await log.auditFolded());
  });

  it('with an erasure that is refused erases nothing', async () => {
    await log.issue('alice');
    const audit = projection();
    const issued = await applied(audit);
    const rows = await log.auditRows();
    await log.erase('alice');
    const batch = await batchBehind(issued);
    await expect(audit.apply({ ...batch, from: { ...issued, position: 0 } })).rejects.toEqual(fenced);
    expect(await log.auditRows()).toEqual(rows);
  });

  it('of several projectors at the same moment is applied by one of them', async () => {
    await log.history();
    const all = [projection(), projection(), projection()];
    let { position } = await all[0]!.resume();
    while (position < (await log.head()).position) {
      const from = await all[0]!.resume();
      const batches = await Promise.all(all.map((_, i) => batchBehind(from, 40 + i)));
      const ends = await Promise.allSettled(all.map((one, i) => one.apply(batches[i]!)));
      expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))).toEqual([
        fenced,
        fenced,
      ]);
      ({ position } = await all[0]!.resume());
    }
    expect(await log.auditRows()).toEqual(await log.auditFolded());
  });

  it('that the log does not have is named as foreign, and changes nothing', async () => {
    await log.issue('alice');
    const audit = projection();
    const batch = await batchBehind(await audit.resume());
    const foreign = { ...batch, events: batch.events.map((event) => ({ ...event, hash: randomBytes(32) })) };
    await expect(audit.apply(foreign)).rejects.toMatchObject({ code: 'EVENT_FOREIGN', position: 1 });
    expect(await log.auditRows()).toEqual([]);
  });

  it('moves no checkpoint but its own', async () => {
    await log.history();
    await new SessionsProjection(...means()).resume();
    const { position } = await applied(projection());
    const { rows } = await pool.query('SELECT projection, position FROM read_model.checkpoint ORDER BY 1');
    expect(rows).toEqual([
      { projection: 'audit', position },
      { projection: 'sessions', position: 0 },
    ]);
  });
});

describe('what was erased', () => {
  const expectErased = async () => {
    const rows = await log.auditRows();
    expect(rows).toMatchObject([
      { account_id: 'alice', ip_address: null, subject_key_id: null },
      { account_id: 'bob', ip_address: '203.0.113.9' },
      { type: 'PersonalDataErased', account_id: 'alice' },
      { account_id: 'alice', ip_address: '2001:db8::1' },
    ]);
    expect(rows).toEqual(await log.auditFolded());
  };

  it.each([
    ['when its event comes behind the address', [2, 2]],
    ['when its event comes in the same batch as the address', [4]],
  ])('is null %s', async (_, sizes) => {
    const audit = projection();
    await log.issue('alice');
    await log.issue('bob');
    if (sizes[0] === 2) await applied(audit);
    await log.erase('alice');
    await log.issue('alice', { ipAddress: '2001:db8::1' });
    await applied(audit, sizes);
    await expectErased();
  });

  it('is null when the address was opened before, and is written afterwards', async () => {
    await log.issue('alice');
    await log.issue('bob');
    const tables = new ProjectedTables(pool, new MasterKey(masterKey), AUDIT_TABLE, 'read_model');
    const batch = await batchBehind(await projection().resume());
    const prepared = tables.prepare(batch.events, batch.from.logId);
    await prepared;
    await log.erase('alice');
    await log.issue('alice', { ipAddress: '2001:db8::1' });
    await tables.apply({ ...batch, prepared });
    expect(await log.auditRows()).toMatchObject([{ ip_address: '203.0.113.9' }, {}]);
    await applied(projection());
    await expectErased();
  });
});

describe('a log that goes on as another epoch', () => {
  it('is built again from its start, whatever stood there', async () => {
    await log.history();
    const audit = projection();
    await applied(audit);
    await pool.query(
      `INSERT INTO read_model.audit_entry (position, recorded_at, type) VALUES (999999, now(), 'x')`,
    );
    await pool.query('UPDATE event_log.head SET epoch = 2');
    const at = await audit.resume();
    expect(at).toMatchObject({ epoch: 2, position: 0 });
    expect(await log.auditRows()).toEqual([]);
    await applied(audit);
    expect(await log.auditRows()).toEqual(await log.auditFolded());
  });
});

type Act = 'issue' | 'bare' | 'extend' | 'revoke' | 'erase' | 'key';

describe('any history', () => {
  it('in any batches comes to the rows of its events one by one', async () => {
    const acts = fc.array(
      fc.tuple(
        fc.constantFrom<Act>('issue', 'bare', 'extend', 'revoke', 'erase', 'key'),
        fc.constantFrom('alice', 'bob'),
      ),
      { minLength: 1, maxLength: 30 },
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 10 });
    const audit = projection();
    await fc.assert(
      fc.asyncProperty(acts, sizes, async (acts, sizes) => {
        for (const [act, account] of acts) await record(act, account);
        await applied(audit, sizes);
        expect(await log.auditRows()).toEqual(await log.auditFolded());
      }),
      { numRuns: 20 },
    );
  });

  const issued = new Map<string, { account: string; sessionId: string }>();
  async function record(act: Act, account: string): Promise<void> {
    const session = issued.get(account);
    if (act === 'issue') issued.set(account, await log.issue(account));
    else if (act === 'bare') issued.set(account, await log.issue(account, null));
    else if (act === 'erase') await log.erase(account);
    else if (act === 'key') await log.keyOf(account);
    else if (session) await (act === 'extend' ? log.extend(session) : log.revoke(session));
  }
});
