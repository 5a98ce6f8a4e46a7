import { STREAM } from '#bus/subjects.js';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RunningRelay } from '../../../test/harness/running-relay.js';
import { until } from '../../../test/harness/until.js';
import type { AppProcess } from '../../../test/e2e/harness/app-process.js';
import { World } from '../../../test/e2e/harness/world.js';
import { SessionLog } from '../test/session-log.js';

let world: World;
let relay: RunningRelay;
let log: SessionLog;

beforeAll(async () => {
  world = await World.create();
  relay = await RunningRelay.start(world.owner, world.nats.url);
  log = await SessionLog.open(world.database.appUrl, world.masterKey, (group) => relay.committed(group));
});
afterAll(async () => {
  await log.close();
  await relay.stop();
  await world.stop();
});

/** P3: rows and checkpoint are what the log comes to. */
async function expectFoldOfLog(): Promise<void> {
  const { rows, hash } = await log.projected();
  expect(rows).toEqual(await log.folded());
  expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
  expect(hash).toEqual((await log.head()).hash);
}

const expectRelayed = async () => {
  const { position } = await log.head();
  await until(
    () => relay.status,
    (status) => status.state === 'relaying' && status.position === position,
  );
};

const projectorStatements = `SELECT count(*)::int AS cut FROM (
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'signoff-projector' AND state = 'active'
    AND query LIKE '%read_model.session%') AS ended`;

describe('the projector', () => {
  let projector: AppProcess;

  beforeAll(async () => {
    await log.history();
    projector = await world.startProjector();
  });
  afterAll(() => projector.stop());

  it('builds the read model from what was recorded before it came, and from what is recorded later', async () => {
    await expectFoldOfLog();
    await log.history();
    await expectFoldOfLog();
  });

  it('says on core NATS how far it is', async () => {
    const connection = await connect({ servers: world.nats.url });
    const said = connection.subscribe('signoff.projected');
    await connection.flush();
    await log.issue('dave');
    const { logId, epoch, position } = await log.head();
    for await (const message of said) {
      if (message.json<{ position: number }>().position < position) continue;
      expect(message.json()).toEqual({ logId, epoch, position });
      break;
    }
    await connection.close();
  });

  it('tells its checkpoint, its lag and its state', async () => {
    await Promise.all([log.projected(), log.auditProjected()]);
    const { url } = (await projector.logged('projector.started')) as { url: string };
    const { logId, epoch, position } = await log.head();
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      status: 'following',
      checkpoint: { logId, epoch, position },
      lag: { head: position, events: 0, seconds: 0 },
      audit: {
        status: 'following',
        checkpoint: { logId, epoch, position },
        lag: { head: position, events: 0, seconds: 0 },
      },
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    for (const projection of ['sessions', 'audit']) {
      const labels = `{projection="${projection}"}`;
      expect(metrics).toContain(`signoff_projection_checkpoint_position${labels} ${position}\n`);
      expect(metrics).toContain(`signoff_projection_lag_events${labels} 0\n`);
      expect(metrics).toContain(`signoff_projection_stopped${labels} 0\n`);
      expect(metrics).toMatch(new RegExp(`signoff_projection_events_applied_total${labels} [1-9]`));
    }
    expect(metrics).toMatch(
      /signoff_build_info\{app="session-projector",version="\d+\.\d+\.\d+",node=".+"\} 1\n/,
    );
    expect(metrics).toMatch(/process_resident_memory_bytes [1-9]/);
  });
});

describe('a projector that is killed while it applies events', () => {
  it('applies every event once all the same', async () => {
    for (let round = 0; round < 4; round++) {
      const projector = await world.startProjector();
      const before = (await log.head()).position;
      const history = log.history();
      await until(
        async () =>
          (
            await world.owner.query(
              `SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'`,
            )
          ).rows[0].position,
        (position: number) => position > before + 20,
      );
      await projector.kill();
      await history;
    }
    const projector = await world.startProjector();
    await expectFoldOfLog();
    await projector.stop();
  });

  it('does not mind that its connections to PostgreSQL are cut', async () => {
    const projector = await world.startProjector();
    for (let round = 0; round < 3; round++) {
      let isCut = false;
      const histories = (async () => {
        while (!isCut) await log.history();
      })();
      await until(
        async () => (await world.owner.query(projectorStatements)).rows[0].cut as number,
        (cut) => cut > 0,
      ).finally(() => (isCut = true));
      await histories;
    }
    await expectFoldOfLog();
    await projector.stop();
  });
});

describe('two projectors at once', () => {
  it('apply every event once', async () => {
    const both = await Promise.all([world.startProjector(), world.startProjector()]);
    for (let round = 0; round < 4; round++) await log.history();
    await expectFoldOfLog();
    await Promise.all(both.map((one) => one.stop()));
  });

  it('of which the active one was frozen: it finds itself replaced when it thaws, and writes nothing old', async () => {
    const frozen = await world.startProjector();
    await log.issue('eve');
    await log.projected();
    const history = log.history();
    frozen.freeze();
    const other = await world.startProjector();
    await Promise.all([history, other.logged('projector.following', { projection: 'sessions' })]);
    await expectFoldOfLog();
    frozen.thaw();
    await frozen.logged('projector.standby', { projection: 'sessions' });
    await expectFoldOfLog();
    await other.kill();
    await log.history();
    await expectFoldOfLog();
    await frozen.stop();
  });
});

describe('a projector that comes to a long backlog', () => {
  it('takes it from the log, and the stream from there on, once for all projections', async () => {
    await expectRelayed();
    for (let round = 0; round < 6; round++) await log.extend(await log.issue('frank'), 1_000);
    const { position } = await log.head();
    await expectRelayed();
    const connection = await connect({ servers: world.nats.url });
    const manager = await jetstreamManager(connection);
    const left = await manager.consumers.list(STREAM).next();
    const projector = await world.startProjector();
    await expectFoldOfLog();
    const consumers = await manager.consumers.list(STREAM).next();
    const made = consumers.filter(({ name }) => !left.some((one) => one.name === name));
    expect(made.map(({ config }) => config.opt_start_seq)).toEqual([position + 1]);
    await connection.close();
    await log.history();
    await expectFoldOfLog();
    await projector.stop();
  });
});

describe('a projection that is held up', () => {
  it('lets the other go on, and takes from the log what it is too far behind for', async () => {
    await log.history();
    const projector = await world.startProjector();
    await expectFoldOfLog();
    const session = await log.issue('gina');
    const holding = await world.owner.connect();
    await holding.query('BEGIN; LOCK TABLE read_model.audit_entry IN EXCLUSIVE MODE');
    for (let round = 0; round < 6; round++) await log.extend(session, 1_000);
    expect((await log.projected()).hash).toEqual((await log.head()).hash);
    await holding.query('COMMIT');
    holding.release();
    await expectFoldOfLog();
    expect(projector.lines().filter(({ msg }) => msg === 'projector.degraded')).toEqual([]);
    await projector.stop();
  });
});
