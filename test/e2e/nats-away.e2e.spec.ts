import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BusListener } from './harness/bus-listener.js';
import { projected } from './harness/projected.js';
import { recordedEvents } from './harness/recorded.js';
import { dataOf, issue, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';

describe('NATS is away', () => {
  let world: World;
  let api: Api;
  let accounts = 0;

  beforeAll(async () => {
    world = await World.create();
    await world.nats.stop();
    [api] = await Promise.all([world.startApi(), world.startProjector()]);
  });
  afterAll(() => world.stop());

  /** A sign-in, its list, and "all others": five events. */
  async function everythingWorks(): Promise<void> {
    const account = `account-${accounts++}`;
    const sessions = [];
    for (let i = 0; i < 3; i++) sessions.push(await issue(api.service, account));
    const last = api.as(sessions[2]!.accessToken);
    expect(await listedBy(last)).toEqual(sessions.map(({ token }) => token).toReversed());
    expect(dataOf(await last.delete(OWN))).toEqual({ revoked: 2, currentSessionRevoked: false });
    expect(await listedBy(api.service, operatorPath(account))).toEqual([sessions[2]!.token]);
    const { body } = await api.service.postForm('/api/introspect', { token: sessions[0]!.accessToken });
    expect(body).toEqual({ active: false });
  }

  async function everythingArrived(): Promise<void> {
    const recorded = await recordedEvents(world.owner);
    const bus = await BusListener.start(world.nats.url, 'sessions.*.*');
    const messages = await bus.reached(recorded.at(-1)!.position);
    expect(messages.map((message) => message.json())).toMatchObject(
      recorded.map(({ position, streamId, version, type, data, revocation }) => ({
        position,
        streamId,
        version,
        type,
        data,
        revocation,
      })),
    );
    expect(messages.map(({ seq }) => seq)).toEqual(recorded.map(({ position }) => position));
    await bus.stop();
    await projected(world);
  }

  const health = async () => (await api.as().get('/health/ready')).body as unknown;

  it('takes commands and answers lists before it has ever been there', async () => {
    await everythingWorks();
    expect(await health()).toMatchObject({ status: 'ready', degraded: ['nats'] });
  });

  it('brings it everything when it comes', async () => {
    await world.nats.start();
    await everythingArrived();
    expect(await health()).toMatchObject({ status: 'ready', degraded: [], projectionLag: 0 });
  });

  it('takes commands and answers lists when it is killed among them, and brings it everything later', async () => {
    const commands = Promise.all(Array.from({ length: 12 }, everythingWorks));
    const pid = await readFile(join(world.nats.storeDir, 'nats-server.pid'), 'utf8');
    process.kill(Number(pid), 'SIGKILL');
    await world.nats.stop();
    await commands;
    await everythingWorks();
    await world.nats.start();
    await everythingWorks();
    await everythingArrived();
  });

  it('brings it everything again when it comes back without what it had', async () => {
    const { nats } = world;
    await nats.remove();
    await everythingWorks();
    await nats.start();
    await everythingArrived();
  });
});
