import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ACTIVITY_STREAM, ensureActivityStream } from '#bus/activity.js';
import { connectBus } from '#bus/connect.js';
import { STREAM } from '#bus/subjects.js';
import { RunningRelay } from '../../../test/harness/running-relay.js';
import { until } from '../../../test/harness/until.js';
import type { AppProcess } from '../../../test/e2e/harness/app-process.js';
import { World } from '../../../test/e2e/harness/world.js';
import { SessionLog } from '../test/session-log.js';

let world: World;
let relay: RunningRelay;
let log: SessionLog;
let projector: AppProcess;

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
beforeEach(async () => {
  projector = await world.startProjector();
  await log.history();
  await expectFoldOfLog();
});
afterEach(() => projector.stop());

async function expectFoldOfLog(): Promise<void> {
  const { rows } = await log.projected();
  expect(rows).toEqual(await log.folded());
  expect((await log.auditProjected()).rows).toEqual(await log.auditFolded());
}

async function onStream<T>(use: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connectBus(world.nats.url, 'test');
  try {
    return await use(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

const relayed = async (manager: JetStreamManager) => {
  const { position } = await log.head();
  await until(
    async () => (await manager.streams.info(STREAM)).state.last_seq,
    (last) => last >= position,
  );
};

describe('the projector goes on by itself', () => {
  // The first one as long as the log is short.
  it.each([
    ['from the stream, once there is one', 1, 'projector.degraded'],
    ['from the log, where that is long', 6_000, 'projector.following'],
  ])('when it comes to a new epoch before the relay does: %s', async (_, extensions, state) => {
    await log.extend(await log.issue('frank'), extensions);
    await onStream(relayed);
    await relay.stop();
    await world.owner.query('UPDATE event_log.head SET epoch = epoch + 1');
    await projector.stop();
    projector = await world.startProjector();
    await projector.logged('projection.started-again', { projection: 'sessions' });
    await projector.logged(state, { projection: 'sessions' });
    await log.history();
    relay = await RunningRelay.start(world.owner, world.nats.url);
    await expectFoldOfLog();
    expect(projector.output()).not.toContain('projector.stopped');
  });

  it('when nats-server was away', async () => {
    const history = log.history();
    await world.nats.stop();
    await history;
    await projector.logged('projector.degraded', { projection: 'sessions' });
    await world.nats.start();
    await log.history();
    await expectFoldOfLog();
  });

  it('when its consumer is deleted', async () => {
    const history = log.history();
    await onStream(async ({ consumers }) => {
      for await (const { name } of consumers.list(STREAM)) await consumers.delete(STREAM, name);
    });
    await history;
    await expectFoldOfLog();
  });

  it('when the stream is lost and filled again', async () => {
    const history = log.history();
    await onStream(({ streams }) => streams.delete(STREAM));
    await history;
    await expectFoldOfLog();
  });

  it('when the stream is lost, and for a while does not reach as far as was projected', async () => {
    await relay.stop();
    await onStream(async (manager) => {
      await manager.streams.delete(STREAM);
    });
    await projector.logged('projector.degraded', { projection: 'sessions' });
    relay = await RunningRelay.start(world.owner, world.nats.url);
    await log.history();
    await expectFoldOfLog();
    expect(projector.output()).not.toContain('projector.stopped');
  });

  it('when the stream has a hole, which the relay mends', async () => {
    await onStream(({ streams }) => streams.purge(STREAM, { filter: 'sessions.revoked.*' }));
    await log.history();
    await relay.hears('relay.stream-damaged');
    await log.history();
    await expectFoldOfLog();
    expect(projector.output()).not.toContain('projector.stopped');
  });

  it('when the log goes on as a new epoch: it starts again, and stops at nothing', async () => {
    await world.owner.query('UPDATE event_log.head SET epoch = epoch + 1');
    const { epoch } = await log.head();
    await log.history();
    await projector.logged('projection.started-again', { projection: 'sessions' });
    await until(
      async () => (await log.projected()).epoch,
      (projected) => projected === epoch,
    );
    await log.history();
    await expectFoldOfLog();
    expect(projector.output()).not.toContain('projector.stopped');
  });

  it('when events left the stream before they were projected: it reads them from the log', async () => {
    await projector.stop();
    await log.history();
    await onStream(async (manager) => {
      await relayed(manager);
      await manager.streams.purge(STREAM, { seq: (await log.head()).position - 20 });
    });
    projector = await world.startProjector();
    await expectFoldOfLog();
  });

  it('when all events left the stream before they were projected', async () => {
    await projector.stop();
    await log.history();
    await onStream(async (manager) => {
      await relayed(manager);
      await manager.streams.purge(STREAM);
    });
    projector = await world.startProjector();
    await expectFoldOfLog();
    await log.history();
    await expectFoldOfLog();
  });
});

describe('a projector that is asked to stop while nats-server is away', () => {
  it('stops, though it waits for activity', async () => {
    await onStream(async (manager) => {
      await ensureActivityStream(manager, 1);
      await until(
        async () => (await manager.streams.info(ACTIVITY_STREAM)).state.consumer_count,
        (consumers) => consumers === 1,
      );
    });
    await world.nats.stop();
    await projector.logged('projector.degraded', { projection: 'sessions' });
    await projector.stop();
    await world.nats.start();
  });
});
