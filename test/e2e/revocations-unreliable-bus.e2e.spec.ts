import { type ConsumerInfo, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { shardOf, STREAM } from '#bus/subjects.js';
import { connect as connectLibrary } from '#revocations/connect.js';
import type { Revocations } from '#revocations/revocations.js';
import { DROP, type Fate, type NatsProxy, PASS, startNatsProxy } from '../harness/nats-proxy.js';
import { until } from '../harness/until.js';
import { Random } from '../faults/harness/random.js';
import { followPlainly } from './harness/plain-subscriber.js';
import { logPosition } from './harness/recorded.js';
import { dataOf, issue, operatorPath } from './harness/sessions.js';
import { end, Subscribers, verdict, verdicts } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const MAX_STALENESS = 1_000;
const SESSIONS = 50;

let world: World;
let api: Api;
let proxy: NatsProxy;
let subscribers: Subscribers;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  proxy = await startNatsProxy(world.nats.url);
  subscribers = new Subscribers(world);
});
afterAll(async () => {
  await subscribers.stop();
  await proxy.close();
  await world.stop();
});

/** The consumers of the feeds of an instance. */
async function consumersOf(manager: JetStreamManager, instance: string): Promise<ConsumerInfo[]> {
  const consumers = [];
  for await (const one of manager.consumers.list(STREAM)) consumers.push(one);
  return consumers.filter(({ name }) => name.startsWith(`revocations-${instance}-`));
}

const untilRefused = (revocations: Revocations, sessionIds: readonly string[]) =>
  until(
    () => verdicts(revocations, sessionIds).join(),
    (answers) => answers === 'true',
  );

const isRevocation = (subject: string) => subject.startsWith('sessions.revoked.');
const isPageQuestion = (subject: string) => subject.endsWith('.revocations');
const isAnswer = (subject: string) => subject.startsWith('_INBOX.');

/** Every promise that a subscriber makes, looked at again and again while `work` is done. */
class Watch {
  readonly wrong: string[] = [];
  /** How often a session that is alive was found so. */
  accepted = 0;
  readonly alive = new Set<string>();
  readonly endedAt = new Map<string, number>();

  constructor(private readonly revocations: Revocations) {}

  async during(work: Promise<unknown>): Promise<void> {
    let over = false;
    const done = work.finally(() => (over = true));
    while (!over) {
      this.look();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await done;
  }

  private look(): void {
    for (const sessionId of this.alive) {
      const answer = verdict(this.revocations, sessionId);
      if (answer === false) this.accepted++;
      if (answer === true) this.wrong.push(`${sessionId} is alive, and was refused`);
    }
    for (const [sessionId, endedAt] of this.endedAt) {
      const ago = performance.now() - endedAt;
      const answer = verdict(this.revocations, sessionId);
      if (answer === false && ago > MAX_STALENESS)
        this.wrong.push(`${sessionId} was accepted ${ago} ms after its end`);
    }
  }
}

const random = new Random(5);
const dice = () => random.next();

const fates: [string, (subject: string) => Fate][] = [
  ['drops a third of the revocations', (subject) => (isRevocation(subject) && dice() < 0.3 ? DROP : PASS)],
  [
    'drops a third of the revocations, and every question for those that are missing',
    (subject) => (isPageQuestion(subject) || (isRevocation(subject) && dice() < 0.3) ? DROP : PASS),
  ],
  [
    'brings every revocation twice, the second time late',
    (subject) => (isRevocation(subject) ? [0, 1 + dice() * 50] : PASS),
  ],
  ['brings them in any order', (subject) => (isRevocation(subject) ? [1 + dice() * 300] : PASS)],
  ['brings none at all', (subject) => (isRevocation(subject) ? DROP : PASS)],
  [
    'brings answers late, twice, in any order or not at all',
    (subject) => (isAnswer(subject) ? (dice() < 0.1 ? DROP : [1 + dice() * 400, 1 + dice() * 400]) : PASS),
  ],
  [
    'does all of that to all of them',
    () => (dice() < 0.15 ? DROP : dice() < 0.3 ? [1, 1 + dice() * 100] : [1 + dice() * 300]),
  ],
];

const ways: [string, (subject: string) => Fate, string, typeof connectLibrary][] = [
  ...fates.map(([name, fate]): (typeof ways)[number] => [name, fate, 'libs/revocations', connectLibrary]),
  [...fates.at(-1)!, 'examples/subscriber.mjs', followPlainly],
];

describe.each(ways)('a bus that %s', (_, fateOf, name, follow) => {
  it(`never makes ${name} wrong, and it has everything as soon as the bus is well`, async () => {
    subscribers = new Subscribers(world, follow);
    proxy.fateOf = () => PASS;
    const revocations = subscribers.start({ nats: { servers: proxy.url }, maxStaleness: MAX_STALENESS });
    await revocations.ready();
    const watch = new Watch(revocations);
    for (let i = 0; i < 10; i++) watch.alive.add((await issue(api.service, 'zoe')).token);
    proxy.fateOf = fateOf;
    const sessions = Array.from({ length: SESSIONS }, (_, i) => `account-${i % 5}`);
    await watch.during(
      (async () => {
        for (const account of sessions) {
          const { token } = await issue(api.service, account);
          await end(api, token, account);
          watch.endedAt.set(token, performance.now());
        }
        // Whoever accepts one of them now does so for longer than it may.
        const endedAt = performance.now();
        await until(
          () => performance.now() - endedAt,
          (ago) => ago > 2 * MAX_STALENESS,
        );
      })(),
    );
    proxy.fateOf = () => PASS;
    expect(watch.wrong).toEqual([]);
    expect(watch.accepted).toBeGreaterThan(0);
    await untilRefused(revocations, [...watch.endedAt.keys()]);
    await revocations.ready();
    expect(verdicts(revocations, [...watch.alive])).toEqual([false]);
    await subscribers.stop();
  });
});

describe('an answer that comes late', () => {
  beforeEach(() => {
    subscribers = new Subscribers(world, connectLibrary);
  });

  it('renews the lease to the moment of its question, not of its arrival', async () => {
    const late = 600;
    proxy.fateOf = (subject) => (isAnswer(subject) ? [late] : PASS);
    const revocations = subscribers.start({ nats: { servers: proxy.url }, maxStaleness: 10_000 });
    await revocations.ready();
    // Timers may be a millisecond early.
    expect(revocations.staleness()).toBeGreaterThanOrEqual(late - 1);
    proxy.fateOf = () => PASS;
    await subscribers.stop();
  });
});

describe('the consumers of libs/revocations', () => {
  let connection: NatsConnection;
  let manager: JetStreamManager;

  beforeEach(async () => {
    subscribers = new Subscribers(world, connectLibrary);
    connection = await connect({ servers: world.nats.url });
    manager = await jetstreamManager(connection);
  });
  afterEach(async () => {
    await subscribers.stop();
    await connection.close();
  });

  describe('a revocation that is lost on its way', () => {
    it('is never acknowledged, nor is what comes behind it, until it is held as well', async () => {
      const [lost, later] = ['account-1', 'account-2'] as const;
      const subjectOf = (account: string) => `sessions.revoked.${shardOf(`account-${account}`)}`;
      expect(subjectOf(lost)).not.toBe(subjectOf(later));
      let questions = 0;
      connection.subscribe('signoff.rpc.audit.head', { callback: () => void questions++ });
      const revocations = subscribers.start({
        nats: { servers: proxy.url },
        service: 'audit',
        instance: 'one',
      });
      await revocations.ready();
      proxy.fateOf = (subject) => (subject === subjectOf(lost) || isPageQuestion(subject) ? DROP : PASS);
      const heard: string[] = [];
      revocations.onRevoked(({ sessionId }) => heard.push(sessionId));

      const acknowledged = async () =>
        (await consumersOf(manager, 'audit-one')).map(({ ack_floor }) => ack_floor.stream_seq);
      const endOneOf = async (account: string) => {
        const { token } = await issue(api.service, account);
        const answer = await api.service.delete(`${operatorPath(account)}/${token}`);
        return { token, position: Number(answer.headers['signoff-position']) };
      };
      const missing = await endOneOf(lost);
      const next = await endOneOf(later);
      await until(
        () => heard,
        (sessions) => sessions.includes(next.token),
      );
      // Whatever it has said on its connection by the time it asks again, the server has heard before.
      const asked = questions;
      await until(
        () => questions,
        (now) => now > asked,
      );
      const positions = await acknowledged();
      expect(positions).not.toEqual([]);
      for (const position of positions) expect(position).toBeLessThan(missing.position);
      expect(verdict(revocations, missing.token)).not.toBe(true);

      proxy.fateOf = () => PASS;
      await untilRefused(revocations, [missing.token, next.token]);
      const last = await endOneOf(lost);
      await until(acknowledged, (positions) => positions.some((position) => position >= last.position));
    });
  });

  describe('a consumer that is lost', () => {
    it('is followed by one that begins behind the head, and not within the stream', async () => {
      const revocations = subscribers.start({ service: 'audit', instance: 'two' });
      const { token } = await issue(api.service, 'ada');
      await end(api, token);
      await issue(api.service, 'ada');
      const newest = await logPosition(world.owner);
      await until(
        () => revocations.position,
        (position) => position >= newest,
      );
      const own = async () => (await consumersOf(manager, 'audit-two'))[0];
      const lost = (await until(own, Boolean))!.name;
      await manager.consumers.delete(STREAM, lost);
      const next = await until(own, (one) => one !== undefined && one.name !== lost);
      expect(next!.config.opt_start_seq).toBe(newest + 1);
      const last = await issue(api.service, 'ada');
      await end(api, last.token);
      await untilRefused(revocations, [token, last.token]);
    });
  });

  describe('more revocations than may be on their way at once', () => {
    it('are all held and acknowledged, by one consumer', async () => {
      const ended: string[] = [];
      const endFifty = async (account: string) => {
        for (let i = 0; i < 50; i++) ended.push((await issue(api.service, account)).token);
        dataOf(await api.service.delete(operatorPath(account)));
      };
      await Promise.all(Array.from({ length: 50 }, (_, i) => endFifty(`account-${i}`)));
      const revocations = subscribers.start({ service: 'audit', instance: 'many' });
      await revocations.ready();
      expect(verdicts(revocations, ended)).toEqual([true]);
      const position = await logPosition(world.owner);
      const isAcknowledged = ({ ack_floor }: ConsumerInfo) => ack_floor.stream_seq >= position;
      const consumers = await until(
        () => consumersOf(manager, 'audit-many'),
        (found) => found.some(isAcknowledged),
      );
      expect(consumers.map(({ delivered }) => delivered.consumer_seq)).toEqual([revocations.size]);
    });
  });
});
