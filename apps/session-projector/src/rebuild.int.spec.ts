import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from '#event-log/connection.js';
import { RunningRelay } from '../../../test/harness/running-relay.js';
import { until } from '../../../test/harness/until.js';
import { rebuilt, startRebuild } from '../../../test/e2e/harness/rebuild.js';
import { World } from '../../../test/e2e/harness/world.js';
import { SessionLog } from '../test/session-log.js';

/** More than a batch, so that a rebuild can be met between them. */
const MANY = 6_000;

const NO_EXPIRY = JSON.stringify({ sessionId: 'session_new', issuedAt: '2026-12-24T08:00:00.000Z' });

let world: World;
let relay: RunningRelay;
let log: SessionLog;

const open = async () => {
  world = await World.create();
  relay = await RunningRelay.start(world.owner, world.nats.url);
  log = await SessionLog.open(world.database.appUrl, world.masterKey, (group) => relay.committed(group));
};
const close = async () => {
  await log.close();
  await relay.stop();
  await world.stop();
};

const one = async <Row>(text: string) => (await world.owner.query(text)).rows[0] as Row;
const checkpoint = () =>
  one<{ position: number; epoch: number }>(
    `SELECT position, epoch FROM read_model.checkpoint WHERE projection = 'sessions'`,
  );

/** P3, and that the rebuild has left nothing of its own. */
async function expectFoldOfLog(): Promise<void> {
  const { rows, hash } = await log.projected();
  expect(rows).toEqual(await log.folded());
  expect(hash).toEqual((await log.head()).hash);
  expect(await leftovers()).toEqual([]);
}

async function expectAuditOfLog(): Promise<void> {
  expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
  expect(await leftovers()).toEqual([]);
}

const leftovers = async () =>
  (
    await world.owner.query(
      `SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('read_model_next')`,
    )
  ).rows;

/** Everything about the tables that a migration or another role may rely on. */
const shape = async () => {
  const { rows } = await world.owner.query(`
    SELECT relname, relkind, relowner, reloptions, relacl::text[],
      (SELECT json_agg(json_build_array(attname, atttypid::regtype, attnotnull, attcollation) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0) AS columns,
      pg_get_indexdef(pg_class.oid) AS index,
      (SELECT json_agg(json_build_array(conname, pg_get_constraintdef(pg_constraint.oid)) ORDER BY conname)
        FROM pg_constraint WHERE conrelid = pg_class.oid) AS constraints
    FROM pg_class WHERE relnamespace = 'read_model'::regnamespace AND relkind IN ('r', 'i') ORDER BY relname`);
  return rows as { relname: string }[];
};

/** A rebuild of the audit trail stands still when it looks for what is sealed, until this is called off. */
async function keysLocked(): Promise<() => Promise<void>> {
  const client = createClient(world.database.ownerUrl);
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN; LOCK TABLE event_log.subject_key IN ACCESS EXCLUSIVE MODE');
  return () => client.end();
}

/** Resolves when a rebuild stands still there. */
const halfWay = () =>
  until(
    async () => {
      const begun = `SELECT to_regclass('read_model_next.checkpoint') IS NOT NULL AS begun`;
      if (!(await one<{ begun: boolean }>(begun)).begun) return 0;
      return (await world.owner.query('SELECT FROM read_model_next.checkpoint')).rowCount;
    },
    (begun) => begun === 1,
  );

async function longReader() {
  const client = createClient(world.database.ownerUrl, { application_name: 'a backup' });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN; SELECT FROM read_model.session');
  return client;
}

const manyEvents = async () => {
  const key = `key-${randomUUID()}`;
  await Promise.all(Array.from({ length: MANY }, () => log.record(key, { type: 'ApiKeyRevoked' })));
  await log.history();
};

describe('a rebuild beside a running projector', () => {
  beforeAll(async () => {
    await open();
    await log.history();
    await world.startProjector();
    await log.projected();
  });
  afterAll(close);

  it('gives lists the same tables again, which go on being projected', async () => {
    await world.owner.query('GRANT SELECT ON read_model.session TO PUBLIC');
    const before = await shape();
    const { oid } = await one<{ oid: number }>(`SELECT 'read_model.session'::regclass::oid AS oid`);
    const history = log.history();
    expect(await rebuilt(world)).toMatch(/^compared at \d+: the old tables have the same$/m);
    await history;
    await expectFoldOfLog();
    expect((await one<{ oid: number }>(`SELECT 'read_model.session'::regclass::oid AS oid`)).oid).not.toBe(
      oid,
    );
    expect(await shape()).toEqual(before);
    expect(before.map(({ relname }) => relname)).toContain('session_of_account');
    await log.history();
    await expectFoldOfLog();
  });

  it('mends a read model that is damaged, and tells what was wrong', async () => {
    const { account, sessionId } = await log.issue('alice');
    await log.projected();
    await world.owner.query(`
      INSERT INTO read_model.activity_heard VALUES (true, '2026-11-01', now(), 'x', 1)
        ON CONFLICT (single) DO UPDATE SET since = excluded.since;
      DELETE FROM read_model.session WHERE session_id IN (
        SELECT session_id FROM read_model.session WHERE account_id <> 'alice' ORDER BY 1 LIMIT 2);
      UPDATE read_model.session SET issued_at = now() WHERE account_id = '${account}';
      INSERT INTO read_model.session (session_id, account_id, issued_position, issued_at, expires_at)
        SELECT 'session_' || n, 'mallory', n, now(), now() FROM generate_series(1, 3) AS n`);
    expect(await rebuilt(world)).toMatch(
      /^compared at \d+: 3 sessions stand only in the old tables, 2 only in the new ones, 1 differ$/m,
    );
    await log.extend({ account, sessionId });
    await expectFoldOfLog();
    // The use of those two was not written: nobody may take them for idle on its account.
    const heard = 'SELECT since > now() AS later FROM read_model.activity_heard';
    expect(await one(heard)).toEqual({ later: true });
  });

  it('keeps when sessions were last seen, and forgets it of sessions that are not there', async () => {
    const { sessionId } = await log.issue('alice');
    await log.projected();
    await world.owner.query(
      `INSERT INTO read_model.activity VALUES ($1, '2026-11-25T09:00:00Z'), ('session_gone', now())`,
      [sessionId],
    );
    await rebuilt(world);
    const { rows } = await world.owner.query('SELECT * FROM read_model.activity');
    expect(rows).toEqual([{ session_id: sessionId, last_seen_at: new Date('2026-11-25T09:00:00Z') }]);
  });

  it('waits for somebody who reads for long, and lists go on meanwhile', async () => {
    const reader = await longReader();
    const rebuild = startRebuild(world);
    expect(await rebuild.says(/^waits for/)).toMatch(/\(a backup, since .*\), lists go on$/);
    await log.history();
    const { rows } = await log.projected();
    expect(rows).toEqual(await log.folded());
    await reader.end();
    expect(await rebuild.ended).toMatchObject({ exit: 0 });
    await expectFoldOfLog();
  });

  it('gives up with TABLES_CHANGED when an index came that its tables do not have', async () => {
    const reader = await longReader();
    const rebuild = startRebuild(world);
    await rebuild.says(/^waits for/);
    await world.owner.query('CREATE INDEX session_issued_at ON read_model.session (issued_at)');
    await reader.end();
    const { exit, said } = await rebuild.ended;
    await world.owner.query('DROP INDEX read_model.session_issued_at');
    expect([exit, said]).toEqual([1, expect.stringContaining('TABLES_CHANGED: ')]);
    await expectFoldOfLog();
  });
});

describe('a rebuild of what the audit trail is searched in', () => {
  beforeAll(async () => {
    await open();
    await log.history();
    await world.startProjector();
    await log.auditProjected();
  });
  afterAll(close);

  async function expectAuditOfLog(): Promise<void> {
    const { rows, hash } = await log.auditProjected();
    expect(rows).toEqual(await log.auditFolded());
    expect(hash).toEqual((await log.head()).hash);
    await expectFoldOfLog();
  }

  it('gives auditors the same table again, which goes on being projected', async () => {
    const before = await shape();
    const history = log.history();
    const said = await rebuilt(world, 'audit');
    expect(said).toMatch(/^compared at \d+: the old tables have the same$/m);
    expect(said).toMatch(/^audit queries read the new tables, which are complete up to \d+$/m);
    await history;
    await expectAuditOfLog();
    expect(await shape()).toEqual(before);
    expect(before.map(({ relname }) => relname)).toContain('audit_entry_of_address');
    await log.history();
    await expectAuditOfLog();
  });

  it('mends one that is damaged, and tells what was wrong', async () => {
    await world.owner.query(`
      DELETE FROM read_model.audit_entry WHERE position IN (3, 5);
      UPDATE read_model.audit_entry SET ip_address = '192.0.2.1' WHERE position IN (1, 2, 4);
      INSERT INTO read_model.audit_entry (position, recorded_at, type) VALUES (99999999, now(), 'AuditRead')`);
    expect(await rebuilt(world, 'audit')).toMatch(
      /^compared at \d+: 1 entries stand only in the old tables, 2 only in the new ones, 3 differ$/m,
    );
    await expectAuditOfLog();
  });

  it('has not what was erased', async () => {
    await log.issue('alice', { ipAddress: '198.51.100.77' });
    await log.auditProjected();
    await world.owner.query(
      `UPDATE event_log.subject_key SET wrapped_key = NULL WHERE stream_id = 'account-alice'`,
    );
    await rebuilt(world, 'audit');
    expect(JSON.stringify(await log.auditRows())).not.toContain('198.51.100.77');
    expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
  });

  it('takes the place of one that was never begun, while nothing projects', async () => {
    await world.owner.query(`DELETE FROM read_model.checkpoint WHERE projection = 'audit'`);
    await world.owner.query('DELETE FROM read_model.audit_entry');
    await rebuilt(world, 'audit');
    expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
  });
});

describe('a rebuild', () => {
  beforeEach(open);
  afterEach(close);

  it('works before anything was projected', async () => {
    await log.history();
    expect(await rebuilt(world)).toContain('there is nothing to compare: nothing was projected yet');
    await expectFoldOfLog();
    await world.startProjector();
    await log.history();
    await expectFoldOfLog();
  });

  it('overtakes a projector that is down, which goes on behind it', async () => {
    await log.history();
    const projector = await world.startProjector();
    await log.projected();
    const { position } = await checkpoint();
    await projector.stop();
    await log.history();
    expect(await rebuilt(world)).toContain(`compared at ${position}: the old tables have the same`);
    expect(await checkpoint()).toMatchObject({ position: (await log.head()).position });
    await expectFoldOfLog();
    await world.startProjector();
    await log.history();
    await expectFoldOfLog();
  });

  it.each([
    ['of another epoch', 'UPDATE event_log.head SET epoch = 2', 'it was built from epoch 1'],
    ['ahead of the log', 'UPDATE read_model.checkpoint SET position = position + 9', 'the log ends at'],
    ['of other events', `UPDATE read_model.checkpoint SET hash = '\\xab'`, 'another event here'],
  ])('replaces a read model %s, and says that there is nothing to compare', async (_, change, reason) => {
    await log.history();
    const projector = await world.startProjector();
    await log.projected();
    await projector.stop();
    await world.owner.query(change);
    await world.owner.query('UPDATE read_model.session SET account_id = $1', ['mallory']);
    expect(await rebuilt(world)).toMatch(new RegExp(`^there is nothing to compare: .*${reason}`, 'm'));
    const { logId: _log, epoch, position, hash } = await log.head();
    expect(await checkpoint()).toEqual({ epoch, position });
    expect((await log.projected()).hash).toEqual(hash);
    await expectFoldOfLog();
  });

  it.each([
    ['EVENT_UNKNOWN', 'cannot read SessionRenamed', { type: 'SessionRenamed' }],
    ['EVENT_NOT_APPLICABLE', 'SessionIssued cannot be written', { type: 'SessionIssued', data: NO_EXPIRY }],
  ])(
    'names the event that it cannot apply, %s, and lists read what they have read before',
    async (code, reason, event) => {
      await log.history();
      const projector = await world.startProjector();
      const { rows } = await log.projected();
      const before = await checkpoint();
      await projector.stop();
      await log.history();
      await log.record('account-new', event);
      await log.history();
      const { exit, said } = await startRebuild(world).ended;
      expect([exit, said]).toEqual([1, expect.stringContaining(`${code}: ${reason}`)]);
      expect(await log.rows()).toEqual(rows);
      expect(await checkpoint()).toEqual(before);
      expect(await leftovers()).toEqual([]);
    },
  );
});

describe('the command', () => {
  beforeAll(open);
  afterAll(close);

  it('tells its use', async () => {
    const said = expect.stringMatching(/^Usage: npm run rebuild$/m);
    expect(await startRebuild(world, ['--help']).ended).toMatchObject({ exit: 0, said });
  });

  it('does nothing when it is called wrongly', async () => {
    expect(await startRebuild(world, ['--now']).ended).toMatchObject({ exit: 2 });
    expect(await startRebuild(world, ['everything']).ended).toMatchObject({ exit: 2 });
    expect(await startRebuild(world, ['sessions', 'audit']).ended).toMatchObject({ exit: 2 });
    expect(await leftovers()).toEqual([]);
  });
});

describe('a rebuild that is met half-way', () => {
  beforeAll(async () => {
    await open();
    await world.startProjector();
    await manyEvents();
    await log.projected();
  });
  afterAll(close);

  it('leaves what is read as it was when it is killed, and is begun anew', async () => {
    const unlock = await keysLocked();
    const rebuild = startRebuild(world, ['audit']);
    await halfWay();
    rebuild.kill();
    expect(await rebuild.ended).toMatchObject({ exit: 'SIGKILL' });
    await unlock();
    expect(await leftovers()).not.toEqual([]);
    expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
    await log.history();
    await rebuilt(world, 'audit');
    await expectAuditOfLog();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('stops on %s, and leaves nothing', async (signal, code) => {
    const unlock = await keysLocked();
    const rebuild = startRebuild(world, ['audit']);
    await halfWay();
    rebuild.kill(signal);
    await unlock();
    const { exit, said } = await rebuild.ended;
    expect([exit, said]).toEqual([
      code,
      expect.stringMatching(/^STOPPED: nothing has changed for readers\nIt can be started again\.$/m),
    ]);
    await expectAuditOfLog();
  });

  it('lets no second one begin', async () => {
    const unlock = await keysLocked();
    const first = startRebuild(world, ['audit']);
    await halfWay();
    const { exit, said } = await startRebuild(world, ['audit']).ended;
    expect([exit, said]).toEqual([
      1,
      expect.stringMatching(/^REBUILD_RUNNING: another rebuild is under way, since /),
    ]);
    await unlock();
    expect(await first.ended).toMatchObject({ exit: 0 });
    await expectAuditOfLog();
  });

  // The last ones: the tables and the log are others afterwards.
  it.each([
    ['TABLES_CHANGED', 'ALTER TABLE read_model.audit_entry ADD COLUMN note text'],
    ['LOG_CHANGED', 'UPDATE event_log.head SET epoch = 2'],
  ])('gives up with %s after %s', async (code, change) => {
    const unlock = await keysLocked();
    const rebuild = startRebuild(world, ['audit']);
    await halfWay();
    await world.owner.query(change);
    await unlock();
    const { exit, said } = await rebuild.ended;
    expect([exit, said]).toEqual([1, expect.stringContaining(`${code}: `)]);
    expect(await leftovers()).toEqual([]);
  });
});
