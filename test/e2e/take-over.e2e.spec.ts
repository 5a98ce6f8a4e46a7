import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { BusListener } from './harness/bus-listener.js';
import { issue } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';
import type { AppProcess } from './harness/app-process.js';

/** The promise is 3 s after a kill and 5 s after a freeze; a busy machine gets some more before it counts as broken. */
const KILLED_MS = 3_000 + 5_000;
const FROZEN_MS = 5_000 + 5_000;

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.stop());

const checkpoint = async () =>
  ((await world.owner.query(`SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'`))
    .rows[0]?.position ?? 0) as number;
const head = async () =>
  (await world.owner.query('SELECT position FROM event_log.head')).rows[0].position as number;

describe('a standby projector', () => {
  let api: Api;
  let active: AppProcess;
  let standby: AppProcess;

  beforeAll(async () => {
    api = await world.startApi();
    active = await world.startProjector();
    await active.logged('projector.following', { projection: 'sessions' });
    await active.logged('projector.following', { projection: 'audit' });
    standby = await world.startProjector();
  });
  afterAll(() => api.stop());

  const caughtUp = async (withinMs: number) => {
    const position = await head();
    await until(checkpoint, (reached) => reached >= position, withinMs);
  };

  it('does nothing while another one projects', async () => {
    await issue(api.service, 'ada');
    await caughtUp(KILLED_MS);
    expect(standby.output()).not.toContain('projector.following');
  });

  it('takes over from one that was frozen, which finds itself replaced when it thaws', async () => {
    active.freeze();
    await issue(api.service, 'bob');
    await caughtUp(FROZEN_MS);
    active.thaw();
    await active.logged('projector.standby', { projection: 'sessions' });
    await issue(api.service, 'bob');
    await caughtUp(KILLED_MS);
  });

  it('takes over from one that was killed', async () => {
    await standby.kill();
    await issue(api.service, 'carol');
    await caughtUp(KILLED_MS);
  });
});

describe('a relay that stands by', () => {
  it('takes over from one that was frozen and from one that was killed: the bus has every event once', async () => {
    const first = await world.startApi();
    await first.logged('relay.relaying');
    const second = await world.startApi();
    const bus = await BusListener.start(world.nats.url, 'sessions.>');
    const published = (position: number, withinMs: number) =>
      until(
        () => bus.messages.length,
        (count) => count >= position,
        withinMs,
      );

    first.freeze();
    await issue(second.service, 'dave');
    await published(await head(), FROZEN_MS);
    first.thaw();

    await second.kill();
    await issue(first.service, 'erin');
    await published(await head(), KILLED_MS);
    expect(bus.messages.map(({ seq }) => seq)).toEqual(bus.messages.map((_, i) => i + 1));
    await bus.stop();
    await first.stop();
  });
});
