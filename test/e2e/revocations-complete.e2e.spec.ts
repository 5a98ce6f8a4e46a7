import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { STREAM } from '#bus/subjects.js';
import { connect } from '#revocations/connect.js';
import type { Revocation } from '#revocations/protocol.js';
import { until } from '../harness/until.js';
import { hearPageQuestions } from './harness/page-questions.js';
import { followPlainly } from './harness/plain-subscriber.js';
import { logPosition } from './harness/recorded.js';
import { issue } from './harness/sessions.js';
import { end, endedSessions, Subscribers, verdict, verdicts } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const ways = [
  ['libs/revocations', connect],
  ['examples/subscriber.mjs', followPlainly],
] as const;

describe.each(ways)('with %s', (_, follow) => {
  let world: World;
  let api: Api;
  let subscribers: Subscribers;
  let alive: string;
  const ended: string[] = [];

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
    subscribers = new Subscribers(world, follow);
    ({ token: alive } = await issue(api.service, 'ada'));
    ended.push(...(await endedSessions(api, 20)));
  });
  afterAll(async () => {
    await subscribers.stop();
    await world.stop();
  });

  const endAnother = async () => {
    const [one] = (await endedSessions(api, 1)) as [string];
    ended.push(one);
    return one;
  };

  async function inStream(work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<unknown>) {
    const connection = await connectNats({ servers: world.nats.url });
    await work(await jetstreamManager(connection));
    await connection.close();
  }

  const streamHas = (position: number) =>
    inStream((manager) =>
      until(
        () =>
          manager.streams.info(STREAM).then(
            ({ state }) => state.last_seq,
            () => 0,
          ),
        (last) => last >= position,
      ),
    );

  /** It is told of one that is ended now, by the stream and without asking for it. */
  async function hearsTheNext(revocations: ReturnType<Subscribers['start']>): Promise<void> {
    const heard: string[] = [];
    const stop = revocations.onRevoked(({ sessionId }) => heard.push(sessionId));
    const one = await endAnother();
    await until(
      () => heard,
      (sessions) => sessions.includes(one),
    );
    stop();
    expect(verdict(revocations, one)).toBe(true);
  }

  describe('a service that starts', () => {
    it('holds everything that was ended before, by the stream alone, and then what is ended next', async () => {
      await streamHas(await logPosition(world.owner));
      const pages = await hearPageQuestions(world.nats.url);
      const told: Revocation[] = [];
      const revocations = subscribers.start();
      revocations.onRevoked((revocation) => told.push(revocation));
      await revocations.ready();
      expect(verdicts(revocations, ended)).toEqual([true]);
      expect(verdict(revocations, alive)).toBe(false);
      expect(told.map(({ revocation }) => revocation)).toEqual(ended.map((_, i) => i + 1));
      expect(told.map(({ sessionId }) => sessionId)).toEqual(ended);
      expect(revocations.size).toBe(ended.length);
      expect(revocations.position).toBe(await logPosition(world.owner));
      expect(revocations.staleness()).toBeLessThan(30_000);
      await hearsTheNext(revocations);
      expect(await pages.asked()).toEqual([]);
      await pages.stop();
    });

    it('again under the same name needs nothing of what the one before has acknowledged', async () => {
      const before = subscribers.start({ service: 'mail', instance: 'mail-1' });
      await before.ready();
      await hearsTheNext(before);
      await before.close();
      const pages = await hearPageQuestions(world.nats.url);
      const after = subscribers.start({ service: 'mail', instance: 'mail-1' });
      await after.ready();
      expect(verdicts(after, ended)).toEqual([true]);
      expect(await pages.asked()).toEqual([]);
      await pages.stop();
    });

    it('before NATS and the API are there begins when they come', async () => {
      await api.stop();
      await world.nats.stop();
      const revocations = subscribers.start();
      expect(verdict(revocations, alive)).toBe('REVOCATIONS_STALE');
      await world.nats.start();
      api = await world.startApi();
      await revocations.ready();
      expect(verdicts(revocations, ended)).toEqual([true]);
      expect(verdict(revocations, alive)).toBe(false);
    });
  });

  describe('a service that runs', () => {
    let revocations: ReturnType<Subscribers['start']>;

    beforeAll(async () => {
      revocations = subscribers.start({ maxStaleness: 5_000 });
      await revocations.ready();
    });

    it('goes on when NATS is restarted', async () => {
      await world.nats.stop();
      const missed = await endAnother();
      await world.nats.start();
      await until(
        () => verdict(revocations, missed),
        (answer) => answer === true,
      );
      await hearsTheNext(revocations);
    });

    it('goes on when the stream is deleted and filled again', async () => {
      await inStream((manager) => manager.streams.delete(STREAM));
      const meanwhile = await endAnother();
      await until(
        () => verdict(revocations, meanwhile),
        (answer) => answer === true,
      );
      await streamHas(await logPosition(world.owner));
      await hearsTheNext(revocations);
      await revocations.ready();
      expect(verdicts(revocations, ended)).toEqual([true]);
    });
  });

  describe('a stream that does not hold the older ones any more', () => {
    beforeAll(async () => {
      const position = await logPosition(world.owner);
      await streamHas(position);
      await inStream((manager) => manager.streams.purge(STREAM, { seq: position - 8 }));
    });
    // Those of before might ask as well.
    beforeEach(() => subscribers.stop());

    it('is no reason to miss them: they come from the API in pages', async () => {
      const pages = await hearPageQuestions(world.nats.url);
      const revocations = subscribers.start();
      await revocations.ready();
      expect(verdicts(revocations, ended)).toEqual([true]);
      expect((await pages.asked())[0]).toMatchObject({ after: 0 });
      await pages.stop();
    });

    it('is not asked to explain what has expired: nothing below the floor is fetched or held', async () => {
      const floor = 5;
      await world.owner.query('UPDATE event_log.head SET revocations_floor = $1', [floor]);
      const pages = await hearPageQuestions(world.nats.url);
      const revocations = subscribers.start();
      await revocations.ready();
      expect(revocations.size).toBe(ended.length - floor);
      expect(verdicts(revocations, ended.slice(floor))).toEqual([true]);
      expect(verdicts(revocations, ended.slice(0, floor))).toEqual([false]);
      expect((await pages.asked())[0]).toMatchObject({ after: floor });
      await pages.stop();
    });
  });

  describe('a log that went back, and does not say so', () => {
    it('is taken for another one: what is held is dropped, and fetched again', async () => {
      const revocations = subscribers.start();
      await revocations.ready();
      const told: string[] = [];
      revocations.onRevoked(({ sessionId }) => told.push(sessionId));
      await world.owner.query('UPDATE event_log.head SET revocations = revocations - 1');
      await until(
        () => told,
        (sessions) => sessions.includes(ended.at(-2)!),
      );
      await world.owner.query('UPDATE event_log.head SET revocations = revocations + 1');
      await revocations.close();
    });
  });

  describe('a log of another epoch', () => {
    it('empties what is held, and it is filled again from the new log', async () => {
      const revocations = subscribers.start({ maxStaleness: 5_000 });
      await revocations.ready();
      const count = ended.length;
      expect(verdict(revocations, ended[count - 3]!)).toBe(true);
      const told: number[] = [];
      revocations.onRevoked(({ revocation }) => told.push(revocation));
      // As if a backup had been restored in which all but the newest two have expired.
      await world.owner.query('UPDATE event_log.head SET epoch = epoch + 1, revocations_floor = $1', [
        count - 2,
      ]);
      await until(
        () => revocations.size,
        (size) => size === 2,
      );
      await revocations.ready();
      expect(told).toEqual([count - 1, count]);
      expect(verdict(revocations, ended[count - 3]!)).toBe(false);
      expect(verdicts(revocations, ended.slice(count - 2))).toEqual([true]);
      const { token } = await issue(api.service, 'bob');
      await end(api, token, 'bob');
      await until(
        () => verdict(revocations, token),
        (answer) => answer === true,
      );
    });
  });
});
