import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { untilWaitingForLock } from '../harness/lock-waits.js';
import { RawConnection } from './harness/raw-connection.js';
import { recordedEvents } from './harness/recorded.js';
import { type Api, World } from './harness/world.js';

const DRAIN_MS = 10_000;
const GRACE_MS = 5_000;
const LIVE = 'GET /health/live HTTP/1.1\r\nHost: signoff.test\r\n\r\n';

describe('a stop', () => {
  let world: World;
  let api: Api;

  beforeEach(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterEach(() => world.stop());

  const issueOf = (accountId: string) => {
    const body = JSON.stringify({ accountId });
    return `POST /api/sessions HTTP/1.1\r\nHost: signoff.test\r\nAuthorization: Bearer ${world.bootstrapKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };

  /** Keeps the log from being written, as a busy database would. */
  async function holdingTheLog(work: (holder: PoolClient) => Promise<void>): Promise<void> {
    const holder = await world.owner.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM event_log.head FOR UPDATE');
      await work(holder);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
  }

  async function refusesConnections(): Promise<void> {
    while (
      await RawConnection.open(api.url).then(
        (one) => (one.destroy(), true),
        () => false,
      )
    );
  }

  it('answers what has been asked, tells that the connection ends, and takes no new one', async () => {
    const asking = await RawConnection.open(api.url);
    const idle = await RawConnection.open(api.url);
    idle.write(LIVE);
    expect((await idle.next())?.headers.connection).toBe('keep-alive');
    let stopped: Promise<void> | undefined;
    await holdingTheLog(async () => {
      asking.write(issueOf('ada'));
      await untilWaitingForLock(world.owner);
      stopped = api.stop();
      await idle.closed;
      await refusesConnections();
    });
    const answer = await asking.next();
    expect(answer?.status).toBe(201);
    expect(answer?.headers.connection).toBe('close');
    await asking.closed;
    await stopped;
    const { token } = JSON.parse(answer!.text).data;
    expect((await recordedEvents(world.owner)).map(({ data }) => data.sessionId)).toEqual([token]);
  });

  it('carries out what a connection asks while it is still being answered', async () => {
    const asking = await RawConnection.open(api.url);
    const late = await RawConnection.open(api.url);
    let stopped: Promise<void> | undefined;
    await holdingTheLog(async () => {
      asking.write(issueOf('ada'));
      late.write(issueOf('grace').slice(0, 30));
      await untilWaitingForLock(world.owner);
      stopped = api.stop();
      await refusesConnections();
      late.write(issueOf('grace').slice(30));
    });
    for (const connection of [asking, late]) {
      const answer = await connection.next();
      expect([answer?.status, answer?.headers.connection]).toEqual([201, 'close']);
    }
    await stopped;
    expect(await recordedEvents(world.owner)).toHaveLength(2);
  });

  it('ends in time, with 0, though clients do not', async () => {
    const stuck = await Promise.all(Array.from({ length: 3 }, () => RawConnection.open(api.url)));
    stuck[1]!.write('GET /health/li');
    stuck[2]!.write(issueOf('ada').slice(0, -5));
    await api.as().get('/health/live');
    const before = performance.now();
    await api.stop();
    expect(performance.now() - before).toBeLessThan(DRAIN_MS + GRACE_MS);
    await Promise.all(stuck.map(({ closed }) => closed));
    expect(await recordedEvents(world.owner)).toEqual([]);
  });
});
