import { randomBytes } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBus } from '#bus/connect.js';
import { STREAM } from '#bus/subjects.js';
import { fillForged, FORGERIES } from '../../../test/harness/forged-stream.js';
import { RunningRelay } from '../../../test/harness/running-relay.js';
import { until } from '../../../test/harness/until.js';
import type { AppProcess } from '../../../test/e2e/harness/app-process.js';
import { World } from '../../../test/e2e/harness/world.js';
import { SessionLog } from '../test/session-log.js';

const EXPIRES_AT = '2026-12-24T08:00:00.000Z';

let world: World;
let relay: RunningRelay;
let log: SessionLog;

beforeEach(async () => {
  world = await World.create();
  relay = await RunningRelay.start(world.owner, world.nats.url);
  log = await SessionLog.open(world.database.appUrl, world.masterKey, (group) => relay.committed(group));
});
afterEach(async () => {
  await log.close();
  await relay.stop();
  await world.stop();
});

async function onBus(use: (connection: NatsConnection) => Promise<unknown>): Promise<void> {
  const connection = await connectBus(world.nats.url, 'test');
  await use(connection);
  await connection.close();
}

const loseStream = () =>
  onBus(async (connection) => (await jetstreamManager(connection)).streams.delete(STREAM));

/** Past the trigger that keeps the log append-only, as only a superuser can. */
const tamper = async (...statements: string[]) => {
  const client = await world.owner.connect();
  try {
    await client.query('SET session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
  } finally {
    client.release(true);
  }
};

async function expectStop(projector: AppProcess, code: string, position: number, checkpoint = position - 1) {
  expect(await projector.logged('projector.stopped', { projection: 'sessions' })).toMatchObject({
    level: 50,
    code,
    position,
  });
  const { url } = (await projector.logged('projector.started')) as { url: string };
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    status: 'stopped',
    code,
    position,
    checkpoint: { position: checkpoint },
  });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'signoff_projection_stopped{projection="sessions"} 1\n',
  );
}

/** That projection takes in what is recorded while the other one is stopped. */
async function expectGoesOn(projector: AppProcess, projection: 'sessions' | 'audit') {
  await log.issue('while the other one stands');
  const [{ rows }, folded] =
    projection === 'audit'
      ? [await log.auditProjected(), await log.auditFolded()]
      : [await log.projected(), await log.folded()];
  expect(rows).toEqual(folded);
  const stopped = projector.lines().filter(({ msg }) => msg === 'projector.stopped');
  expect(stopped.filter((line) => line.projection === projection)).toEqual([]);
}

async function expectFoldOfLog(): Promise<void> {
  const { rows } = await log.projected();
  expect(rows).toEqual(await log.folded());
  expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
}

const ready = async (projector: AppProcess) => {
  const { url } = (await projector.logged('projector.started')) as { url: string };
  await until(
    async () => (await fetch(`${url}/health/ready`)).status,
    (status) => status === 200,
  );
};

describe('an event that cannot be applied', () => {
  it('stops the projection behind the events before it, until a version comes that knows it', async () => {
    await log.history();
    const data = JSON.stringify({ sessionId: 'session_new', issuedAt: EXPIRES_AT, expiresAt: EXPIRES_AT });
    const position = await log.record('account-new', { type: 'SessionIssued', schema: 2, data });
    await log.history();
    const projector = await world.startProjector();
    await expectStop(projector, 'EVENT_UNKNOWN', position);
    expect(await log.rows()).toEqual(await log.folded(position - 1));

    await tamper(`UPDATE event_log.event SET schema = 1 WHERE position = ${position}`);
    await loseStream();
    await expectFoldOfLog();
    await ready(projector);
  });

  it('is named exactly, when PostgreSQL refuses it in the middle of a batch', async () => {
    await log.history();
    const data = JSON.stringify({ sessionId: 'session_new', issuedAt: EXPIRES_AT });
    const position = await log.record('account-new', { type: 'SessionIssued', data });
    await log.history();
    const projector = await world.startProjector();
    await expectStop(projector, 'EVENT_NOT_APPLICABLE', position);
    await expectGoesOn(projector, 'audit');
  });

  it('stops the one projection that cannot apply it, and not the other', async () => {
    await log.history();
    const refuse = 'ALTER TABLE read_model.audit_entry ADD CHECK (type <> $$AuditRead$$)';
    await world.owner.query(refuse);
    const position = await log.record('audit', { type: 'AuditRead' });
    const projector = await world.startProjector();
    expect(await projector.logged('projector.stopped')).toMatchObject({
      projection: 'audit',
      code: 'EVENT_NOT_APPLICABLE',
      position,
    });
    await expectGoesOn(projector, 'sessions');
    const { url } = (await projector.logged('projector.started')) as { url: string };
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: 'following',
      audit: { status: 'stopped', position, checkpoint: { position: position - 1 } },
    });
    await world.owner.query('ALTER TABLE read_model.audit_entry DROP CONSTRAINT audit_entry_type_check');
    await expectFoldOfLog();
  });

  it('is one that the log does not have, until the relay has built the stream again', async () => {
    const projector = await world.startProjector();
    await log.issue('alice');
    await log.projected();
    await relay.stop();
    const next = (await log.head()).position + 1;
    await onBus((connection) => jetstream(connection).publish('sessions.issued.1', '{}'));
    await expectStop(projector, 'EVENT_FOREIGN', next);
    expect(await log.rows()).toEqual(await log.folded());

    relay = await RunningRelay.start(world.owner, world.nats.url);
    await relay.hears('relay.stream-damaged');
    await log.history();
    await expectFoldOfLog();
    await ready(projector);
  });

  it.each(Object.keys(FORGERIES) as (keyof typeof FORGERIES)[])(
    'is one in the middle of a batch that is not what the log has, until then as well: %s',
    async (forgery) => {
      await log.history();
      const { account, sessionId } = await log.issue('alice');
      const position = await log.revoke({ account, sessionId });
      await log.history();
      await until(
        () => relay.status,
        ({ state }) => state === 'relaying',
      );
      await relay.stop();
      await onBus((connection) => fillForged(connection, world.owner, position, forgery));
      const projector = await world.startProjector();
      await expectStop(projector, 'EVENT_FOREIGN', position);
      expect(await log.rows()).toEqual(await log.folded(position - 1));

      relay = await RunningRelay.start(world.owner, world.nats.url);
      await relay.hears('relay.stream-damaged');
      await expectFoldOfLog();
      await ready(projector);
    },
  );

  it('is one whose personal data does not open under the master key', async () => {
    await log.issue('alice', null);
    // As long as nothing is sealed, it cannot know at its start that its key is the wrong one.
    const projector = await world.startProjector({ MASTER_KEY: randomBytes(32).toString('base64') });
    const { account, sessionId } = await log.issue('alice');
    const position = (await log.head()).position;
    await log.extend({ account, sessionId });
    expect(await projector.logged('projector.stopped')).toMatchObject({
      projection: 'audit',
      code: 'PERSONAL_DATA_UNREADABLE',
      position,
    });
    await expectGoesOn(projector, 'sessions');
    expect(projector.output()).not.toContain('203.0.113.9');
    await projector.stop();
    await world.startProjector();
    await expectFoldOfLog();
  });
});

describe('a log that was put back to an older copy', () => {
  it('stops the projection, and under a new epoch everything is built again', async () => {
    const projector = await world.startProjector();
    await log.history();
    await log.issue('whom the older copy does not know');
    await log.projected();
    await projector.stop();
    await relay.stop();
    const { position } = await log.head();
    const kept = position - 1;
    await tamper(
      `DELETE FROM event_log.event WHERE position > ${kept}`,
      `UPDATE event_log.head SET position = ${kept}, hash = e.hash FROM event_log.event e WHERE e.position = ${kept}`,
    );
    const overtaken = await world.startProjector();
    await expectStop(overtaken, 'CHECKPOINT_AHEAD_OF_LOG', position, position);

    await world.owner.query('UPDATE event_log.head SET epoch = 2');
    relay = await RunningRelay.start(world.owner, world.nats.url);
    await until(
      async () =>
        (await world.owner.query(`SELECT epoch FROM read_model.checkpoint WHERE projection = 'sessions'`))
          .rows[0].epoch,
      (epoch) => epoch === 2,
    );
    await expectFoldOfLog();
    await ready(overtaken);
  });
});
