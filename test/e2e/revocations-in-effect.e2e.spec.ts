import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type NatsProxy, PASS, startNatsProxy } from '../harness/nats-proxy.js';
import { until } from '../harness/until.js';
import { Random } from '../faults/harness/random.js';
import { BusFloor } from './harness/bus-floor.js';
import { monotonic } from './harness/monotonic.js';
import { ReceiptListener } from './harness/receipt-listener.js';
import { type Ended, historiesOf, inState, RevocationLoad } from './harness/revocation-load.js';
import { startSubscriber, type SubscriberProcess } from './harness/subscriber-process.js';
import { type Api, World } from './harness/world.js';

const REVOCATIONS = 1_000;
const CLIENTS = 8;
const AHEAD = 5;

let world: World;
let apis: Api[];
let receipts: ReceiptListener;

beforeAll(async () => {
  world = await World.create();
  apis = await Promise.all([world.startApi(), world.startApi()]);
  receipts = await ReceiptListener.start(world.nats.url);
});
afterAll(async () => {
  await receipts.stop();
  await world.stop();
});

describe('a thousand revocations under load', () => {
  let instances: SubscriberProcess[];
  let load: RevocationLoad;

  beforeAll(async () => {
    const start = (service: string, instance: string) =>
      startSubscriber(world.nats.url, 30_000, { service, instance });
    instances = await Promise.all([start('billing', 'one'), start('billing', 'two'), start('panel', 'one')]);
    load = new RevocationLoad(apis, instances);
  });
  afterAll(() => Promise.all(instances.map((one) => one.stop())));

  /** Ends sessions that are accepted everywhere; waits for the effect of some, and asks for that of others. */
  async function client(count: number): Promise<void> {
    for (let done = 0; done < count;) {
      for (const session of await load.watched(AHEAD)) {
        const ended = await load.end(session, done % 4 === 0 ? 'wait=2' : undefined);
        if (done % 4 === 2) await load.asksForEffect(ended);
        done++;
      }
    }
  }

  it('are accepted by no instance from the moment of its receipt, nor when the API says so', async () => {
    const floor = await BusFloor.start(world.nats.url);
    const alone = await floor.measure((count) => count < 300);
    let over = false;
    const clients = Array.from({ length: CLIENTS }, () => client(REVOCATIONS / CLIENTS));
    const others = [0, 1].map(() => load.issueAndExtend(() => over));
    const underLoad = floor.measure(() => !over);
    await Promise.all(clients).finally(() => (over = true));
    await Promise.all(others);
    await floor.stop();

    const lastReceipt = ({ position }: Ended) =>
      Math.max(...instances.map(({ name }) => receipts.saidAt(name, position) ?? Infinity));
    await until(
      () => load.ended.filter((ended) => lastReceipt(ended) === Infinity),
      (missing) => missing.length === 0,
    );
    expect(load.ended).toHaveLength(REVOCATIONS);
    expect(await load.wrongs(receipts)).toEqual([]);
    const waited = load.ended.filter(({ effect }) => effect?.inEffect);
    expect(waited.length).toBeGreaterThan(0);
    for (const { effect } of waited)
      expect(inState(effect!, 'in_effect')).toEqual(instances.map(({ name }) => name));

    const histories = await Promise.all(instances.map(historiesOf));
    const lastAccepted = ({ token }: Ended) =>
      Math.max(...histories.map((of) => of.get(token)!.lastAcceptedAt));
    const atOnce = load.ended.filter(({ effect }) => !effect);
    const after = (moment: (ended: Ended) => number) =>
      atOnce.map((ended) => moment(ended) - ended.acknowledgedAt);
    console.log(
      [
        `from acknowledged to in effect at all three, by the last receipt: ${p50p99(after(lastReceipt))}`,
        `from acknowledged to the last acceptance anywhere: ${p50p99(after(lastAccepted))}`,
        `the bus alone, from publication to delivery: ${p50p99(alone)}; under this load ${p50p99(await underLoad)}`,
      ].join('\n'),
    );
  }, 180_000);
});

describe('an instance that is frozen under load', () => {
  let proxy: NatsProxy;
  let load: RevocationLoad;
  let frozen: SubscriberProcess;
  let over: boolean;
  let others: Promise<unknown>;

  beforeAll(async () => {
    proxy = await startNatsProxy(world.nats.url);
    const random = new Random(5);
    // One that hears of everything a little later, and in another order.
    proxy.fateOf = (subject) => (subject.startsWith('sessions.revoked.') ? [random.next() * 30] : PASS);
  });
  afterAll(() => proxy.close());

  async function start(maxStaleness: number): Promise<void> {
    const instances = await Promise.all([
      startSubscriber(world.nats.url, 30_000, { service: 'billing', instance: 'one' }),
      startSubscriber(world.nats.url, maxStaleness, { service: 'billing', instance: 'frozen' }),
      startSubscriber(proxy.url, 30_000, { service: 'panel', instance: 'late' }),
    ]);
    frozen = instances[1]!;
    load = new RevocationLoad(apis, instances);
    over = false;
    others = Promise.all([0, 1].map(() => load.issueAndExtend(() => over)));
  }

  async function stop(): Promise<void> {
    over = true;
    await Promise.all([others, ...load.instances.map((one) => one.stop())]);
  }

  /** All at the same time; every fourth waits for the effect. */
  const endAll = (sessions: readonly { account: string; token: string }[]) =>
    Promise.all(sessions.map((session, i) => load.end(session, i % 4 === 0 ? 'wait=2' : undefined)));

  const revocationAt = async (position: number): Promise<number> =>
    (await world.owner.query('SELECT revocation FROM event_log.event WHERE position = $1', [position]))
      .rows[0].revocation;

  /** From its thaw on it accepts nothing before it has everything; `alive` is what it may accept then. */
  async function thaws(alive: string, endedMeanwhile: readonly Ended[]): Promise<void> {
    const thawedAt = monotonic();
    frozen.thaw();
    expect(await frozen.asksWhenReady(alive)).toMatchObject({ verdict: false });
    const last = Math.max(...load.ended.map(({ position }) => position));
    await until(
      () => load.instances.filter(({ name }) => receipts.saidAt(name, last) === undefined),
      (missing) => missing.length === 0,
    );
    expect(await load.wrongs(receipts)).toEqual([]);
    const histories = await historiesOf(frozen);
    for (const { token } of endedMeanwhile)
      expect(histories.get(token)!.lastAcceptedAt).toBeLessThan(thawedAt);
    const { answers } = await until(
      async () => (await historiesOf(frozen)).get(alive)!,
      ({ answers }) => answers.at(-1) === false,
    );
    expect(answers.slice(-2)).toEqual(['REVOCATIONS_STALE', false]);
  }

  it('is named, with what it lacks, by whoever waits, and in time; it refuses until it has caught up', async () => {
    await start(6_000);
    try {
      const sessions = (await Promise.all(Array.from({ length: 12 }, () => load.watched(10)))).flat();
      const alive = (await load.watched(1))[0]!.token;
      const beganAt = monotonic();
      const before = endAll(sessions.slice(0, 40));
      await until(
        () => load.ended.length,
        (count) => count >= 20,
      );
      frozen.freeze();
      const meanwhile = endAll(sessions.slice(40, 80));
      const askedAt = monotonic();
      const waited = await load.end(sessions[80]!, 'wait=2');
      expect(monotonic() - askedAt).toBeLessThan(2_000 + 5_000);
      const [position, effect] = [waited.position, waited.effect!];
      const receipt = receipts.latest(frozen.name)!;
      const lacks = (await revocationAt(position)) - receipt.revocations;
      for (const told of [effect, await load.effectOf(position)]) {
        expect([told.position, told.inEffect]).toEqual([position, false]);
        expect(inState(told, 'not_in_effect')).toEqual([frozen.name]);
        const { position: held, behind } = told.services[0]!.instances.find(
          ({ instance }) => instance === 'frozen',
        )!;
        expect([held, behind!.revocations]).toEqual([receipt.position, lacks]);
        expect(behind!.milliseconds).toBeGreaterThanOrEqual(2_000);
        expect(behind!.milliseconds).toBeLessThan(monotonic() - beganAt);
      }
      await Promise.all([before, meanwhile]);
      // Its lease ends: from then on nothing need be waited for.
      const then = await until(
        () => load.effectOf(position),
        ({ inEffect }) => inEffect,
      );
      expect(inState(then, 'refusing')).toEqual([frozen.name]);
      await endAll(sessions.slice(81));
      const last = load.ended.find(({ token }) => token === sessions[81]!.token)!;
      expect(inState(last.effect!, 'refusing')).toEqual([frozen.name]);
      const endedBefore = new Set(sessions.slice(0, 40).map(({ token }) => token));
      await thaws(
        alive,
        load.ended.filter(({ token }) => !endedBefore.has(token)),
      );
    } finally {
      await stop();
    }
  }, 120_000);

  it('with a lease of a second is waited for no longer than that, and said to refuse', async () => {
    await start(1_000);
    try {
      const sessions = await load.watched(10);
      const alive = (await load.watched(1))[0]!.token;
      frozen.freeze();
      const ended = await load.end(sessions[0]!, 'wait=10');
      expect(ended.effect!.inEffect).toBe(true);
      expect(inState(ended.effect!, 'refusing')).toEqual([frozen.name]);
      expect(inState(ended.effect!, 'not_in_effect')).toEqual([]);
      await thaws(alive, [ended]);
    } finally {
      await stop();
    }
  }, 120_000);
});

/** Milliseconds. */
function p50p99(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!.toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
