import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../stack/src/free-port.js';
import { until } from '../harness/until.js';
import { deadLetters as deadLettersCommand } from './harness/dead-letter.js';
import { Scrape } from './harness/metrics.js';
import { logPosition } from './harness/recorded.js';
import { Shop } from './harness/shop.js';
import { type Api, World } from './harness/world.js';

const STREAM = 'DEAD_LETTERS';

let world: World;
let api: Api;
let shop: Shop;
let connection: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  shop = await Shop.open(world, () => api);
  connection = await connect({ servers: world.nats.url });
  manager = await jetstreamManager(connection);
});
afterEach(async () => {
  await shop.killAll();
  await world.owner.query('TRUNCATE shop.session, shop.call');
});
afterAll(async () => {
  await connection.close();
  await world.stop();
});

interface Letter {
  readonly number: number;
  readonly sessionId: string | null;
  readonly tries: number;
  readonly failure: string;
}

const command = (...args: string[]) => deadLettersCommand(world.nats.url, ...args);
const said = async (...args: string[]) => (await command(...args).ended).said;
const letters = async (service = 'shop') =>
  JSON.parse(await said('list', '--service', service, '--json')) as Letter[];

const held = async (what: 'dead' | 'again') => {
  const subject = `signoff.${what}.shop`;
  return (await manager.streams.info(STREAM, { subjects_filter: subject })).state.subjects?.[subject] ?? 0;
};

/** Sessions that `failures` times cannot be forgotten, ended, until each is a letter. */
async function deadLetters(count: number, failures = 1, service = 'shop') {
  const process = shop.start({ tries: 1, service });
  const tokens = await shop.signIn(count, failures);
  await shop.end(tokens);
  await until(
    () => process.troubles('dead-letter'),
    (dead) => dead.length >= count,
  );
  return { tokens, process };
}

describe('what a service cannot do in all its tries', () => {
  it('becomes a dead letter, which is listed, replayed, and then gone', async () => {
    const process = shop.start({ tries: 3 });
    const [token] = await shop.signIn(1, 3);
    await shop.end([token!]);
    await until(
      () => process.troubles('dead-letter'),
      (dead) => dead.length > 0,
    );
    expect(process.troubles('failed').length).toBe(2);
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ sessionId: token, tries: 3, failure: 'Error: the store is away' });
    expect(await said('list', '--service', 'shop')).toMatch(
      new RegExp(`^${letter!.number} {2}\\S+Z {2}3 tries {2}${token} {2}Error: the store is away$`),
    );
    const metrics = await Scrape.of(api.service);
    expect(metrics.value('signoff_dead_letters', { service: 'shop' })).toBe(1);

    expect(await said('replay', '--service', 'shop', String(letter!.number))).toBe('1 replayed');
    await shop.hasForgottenAll();
    expect(await said('list', '--service', 'shop')).toBe('there are no dead letters');
    await until(
      async () => (await manager.streams.info(STREAM)).state.messages,
      (count) => count === 0,
    );
  });

  it('becomes one again when it fails again, as often as it is replayed', async () => {
    await deadLetters(1, 3);
    for (let round = 0; round < 2; round++) {
      const [letter] = await letters();
      await said('replay', '--service', 'shop', '--all');
      const [next] = await until(
        () => letters(),
        (now) => now.length > 0,
      );
      expect(next).toMatchObject({ sessionId: letter!.sessionId });
      expect(next!.number).toBeGreaterThan(letter!.number);
    }
    await said('replay', '--service', 'shop', '--all');
    await shop.hasForgottenAll();
  });

  it('is replayed though no process of the service runs: it waits for one', async () => {
    const { process, tokens } = await deadLetters(5);
    await process.stop();
    expect(await said('replay', '--service', 'shop', '--all')).toBe('5 replayed');
    expect(await letters()).toEqual([]);
    expect(await shop.records()).toEqual(tokens.sort());
    shop.start();
    await shop.hasForgottenAll();
  });

  it('is replayed or removed by its number, and the others stay', async () => {
    const { tokens } = await deadLetters(3);
    const [first, second, third] = (await letters()).map(({ number }) => String(number));
    expect(await said('remove', '--service', 'shop', first!)).toBe('1 removed');
    expect(await command('replay', '--service', 'shop', second!, '999999').ended).toEqual({
      exit: 1,
      said: '1 replayed\nfailed: there is no letter 999999',
    });
    await until(
      () => shop.records(),
      (left) => left.length === tokens.length - 1,
    );
    expect((await letters()).map(({ number }) => String(number))).toEqual([third]);
    await said('remove', '--service', 'shop', '--all');
    expect(await letters()).toEqual([]);
  });

  it('is the letter of that service alone', async () => {
    await deadLetters(1, 1, 'kiosk');
    expect(await letters('shop')).toEqual([]);
    expect(await said('remove', '--service', 'shop', '--all')).toBe('0 removed');
    expect((await letters('kiosk')).length).toBe(1);
    await said('remove', '--service', 'kiosk', '--all');
  });

  it('is not given up as long as the letter cannot be stored', async () => {
    const [token] = await shop.signIn(1, 1_000_000);
    await shop.end([token!]);
    const position = await logPosition(world.owner);
    await until(
      () => manager.streams.info('SESSIONS'),
      ({ state }) => state.last_seq === position,
    );
    // It would make the stream again.
    await api.kill();
    await manager.streams.delete(STREAM);
    const process = shop.start({ tries: 1 });
    await until(
      () => process.troubles('failed'),
      (failed) => failed.length >= 3,
    );
    expect(process.troubles('dead-letter')).toEqual([]);
    api = await world.startApi();
    await until(
      () => process.troubles('dead-letter'),
      (dead) => dead.length > 0,
    );
    expect(await letters()).toMatchObject([{ sessionId: token }]);
    await said('remove', '--service', 'shop', '--all');
  });
});

describe('a process that is killed by what it is given', () => {
  it('is not given it for ever', async () => {
    const [token] = await shop.signIn(1);
    await shop.end([token!]);
    const process = shop.start({ tries: 1, hold: true });
    for (let deaths = 0; deaths < 3; deaths++) {
      const dying = deaths === 0 ? process : shop.start({ tries: 1, hold: true });
      await until(dying.hands, (hands) => hands.length > 0);
      await dying.kill();
    }
    const last = shop.start({ tries: 1 });
    await until(
      () => last.troubles('dead-letter'),
      (dead) => dead.length > 0,
    );
    expect(last.hands()).toEqual([]);
    expect(await letters()).toMatchObject([
      { sessionId: token, failure: 'Error: no process that had it gave an answer' },
    ]);
    await said('remove', '--service', 'shop', '--all');
  });
});

describe('the command for dead letters', () => {
  it('tells what it can do, and what is wrong with how it was called', async () => {
    expect(await command('--help').ended).toMatchObject({
      exit: 0,
      said: expect.stringContaining('Usage: signoff-dead-letters'),
    });
    const wrong: [RegExp, ...string[]][] = [
      [/a command is missing/],
      [/no command: send/, 'send', '--service', 'shop'],
      [/--service is missing/, 'list'],
      [/list takes no numbers/, 'list', '3', '--service', 'shop'],
      [/replay takes numbers, or --all/, 'replay', '--service', 'shop'],
      [/remove takes numbers, or --all/, 'remove', '--service', 'shop', '--all', '3'],
      [/no number of a letter: -?x/, 'remove', '--service', 'shop', 'x'],
      [/--nonsense/, 'list', '--nonsense'],
    ];
    for (const [message, ...args] of wrong) {
      const { exit, said: text } = await command(...args).ended;
      expect([exit, text]).toEqual([2, expect.stringMatching(message)]);
    }
  });

  it('says that it reaches nobody', async () => {
    const nobody = `nats://user:secret@127.0.0.1:${await freePort()}`;
    const { exit, said: text } = await command('list', '--service', 'shop', '--servers', nobody).ended;
    expect(exit).toBe(1);
    expect(text).toMatch(/^failed: /);
    expect(text).not.toContain('secret');
  });

  it('loses nothing when it is killed or stopped in the middle, and can be run again', async () => {
    const many = 3_000;
    const stream = jetstream(connection);
    await Promise.all(Array.from({ length: many }, () => stream.publish('signoff.dead.shop', '{}')));
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const before = await held('again');
      const replaying = command('replay', '--service', 'shop', '--all');
      await until(
        () => held('again'),
        (now) => now > before,
      );
      replaying.kill(signal);
      expect((await replaying.ended).exit).toBe(signal === 'SIGINT' ? 130 : signal);
      expect(await held('dead')).toBeGreaterThan(0);
      expect((await held('again')) + (await held('dead'))).toBeGreaterThanOrEqual(many);
      // The one that was killed has them in hand for a while.
      await until(
        () => command('list', '--service', 'shop').ended,
        ({ exit }) => exit === 0,
        40_000,
      );
    }
    const left = await held('dead');
    expect(await said('replay', '--service', 'shop', '--all')).toBe(`${left} replayed`);
    expect(await held('again')).toBeGreaterThanOrEqual(many);
    await manager.streams.purge(STREAM);
  });
});
