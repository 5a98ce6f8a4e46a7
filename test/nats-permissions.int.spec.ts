import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect as connectNats, headers, type NatsConnection } from '@nats-io/transport-node';
import { connect } from '#revocations/connect.js';
import { aDeadLetterIsReplayed } from './e2e/harness/dead-letter.js';
import { followPlainly } from './e2e/harness/plain-subscriber.js';
import { projected } from './e2e/harness/projected.js';
import { createKey, issue, operatorPath } from './e2e/harness/sessions.js';
import { verdict } from './e2e/harness/subscribers.js';
import { type Api, World } from './e2e/harness/world.js';
import { createDatabase } from './harness/database.js';
import { startNats, type TestNats } from './harness/nats.js';
import { until } from './harness/until.js';

const USERS = ['api', 'projector', 'billing', 'login'] as const;
type User = (typeof USERS)[number];

let nats: TestNats;
let world: World;
let api: Api;
const open: NatsConnection[] = [];

/** The file that operators are given, with a second service that follows, and a way in for whoever only asks whether it is up. */
function configuration(): string {
  const given = readFileSync(join(import.meta.dirname, '../deploy/nats.conf'), 'utf8');
  const [billing] = /\n {2}BILLING \{[^]*?\n {2}\}\n/.exec(given)!;
  const panel = billing.replaceAll('billing', 'panel').replaceAll('BILLING', 'PANEL');
  const nobody =
    'NOBODY { users = [{ user: nobody, password: nobody, permissions { publish { deny: ">" }, subscribe { deny: ">" } } }] }';
  const users = given
    // Any free port, beside other servers of this machine.
    .replace('"127.0.0.1:8222"', '"127.0.0.1:-1"')
    .replace(billing, `${billing}${panel}${nobody}\n`)
    .replaceAll(/\$NATS_(\w+)_PASSWORD/g, (_, user: string) => passwordOf(user.toLowerCase()));
  return `${users}\nno_auth_user: nobody\n`;
}

const passwordOf = (user: string) => `${user}-password`;
const urlOf = (user: string) => nats.url.replace('//', `//${user}:${passwordOf(user)}@`);

/** What the server did not permit to whom, up to now. */
const violations = async () => {
  const log = await readFile(join(nats.storeDir, 'nats-server.log'), 'utf8');
  return log.split('\n').filter((line) => /Violation/.test(line));
};

async function as(user: User | 'panel', inboxPrefix = `_INBOX.${user}`) {
  const connection = await connectNats({
    servers: nats.url,
    user,
    pass: passwordOf(user),
    inboxPrefix,
    reconnect: false,
  });
  open.push(connection);
  return connection;
}

beforeAll(async () => {
  nats = await startNats(configuration());
  world = World.on(await createDatabase(), { ...nats, url: urlOf('api') });
  api = await world.startApi();
  await world.startProjector({ NATS_URL: urlOf('projector') });
});
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await world.stop();
});

const optionsOf = (user: string) => ({
  servers: nats.url,
  user,
  pass: passwordOf(user),
  inboxPrefix: `_INBOX.${user}`,
});

const follower = (service: 'billing' | 'panel', instance: string, follow = connect) =>
  follow({
    nats: optionsOf(service),
    service,
    instance,
    jetStreamPrefix: 'signoff.jetstream',
  });

describe('with deploy/nats.conf', () => {
  it('everything works, and nobody asks for more than is permitted', async () => {
    const services = [
      follower('billing', 'one'),
      follower('panel', 'one'),
      follower('panel', 'plain', followPlainly),
    ];
    await Promise.all(services.map((one) => one.ready()));
    const { token } = await issue(api.service, 'ada');
    await api.service.post(`/api/sessions/${token}/activity`, {});
    const answer = await api.service.delete(`${operatorPath('ada')}/${token}`, {
      headers: { prefer: 'wait=10' },
    });
    expect(answer.body.effect).toMatchObject({ inEffect: true, services: [{}, {}] });
    expect(services.map((one) => verdict(one, token))).toEqual([true, true, true]);
    const billing = await as('billing');
    const checkpoint = new Promise<string>((resolve) =>
      billing.subscribe('signoff.checkpoint', { callback: (_, message) => resolve(message.string()) }),
    );
    await billing.flush();
    const made = await api.service.post('/api/audit/checkpoints', undefined);
    expect(await checkpoint).toBe(made.body.data.note);
    await projected(world);
    await Promise.all(services.map((one) => one.close()));
    await aDeadLetterIsReplayed(urlOf('billing'), optionsOf('billing'), 'signoff.jetstream');
    const login = await as('login');
    const { key } = await createKey(api.service, {
      kind: 'service',
      name: 'l',
      scopes: ['sessions:introspect'],
    });
    const fields = headers();
    fields.set('Authorization', `Bearer ${key}`);
    const asked = await login.request('signoff.rpc.login.introspect', '{"token":"x"}', {
      headers: fields,
      timeout: 5_000,
    });
    expect(asked.json()).toEqual({ active: false });
    // The stream is deleted and made anew, the projector's consumer as well.
    const owner = await as('api');
    await owner.request('$JS.API.STREAM.DELETE.SESSIONS', '', { timeout: 5_000 });
    await issue(api.service, 'ada');
    await until(
      async () => (await owner.request('$JS.API.STREAM.INFO.SESSIONS', '', { timeout: 5_000 })).json<any>(),
      ({ state }) => state?.last_seq > 0,
    );
    await projected(world);
    expect(await violations()).toEqual([]);
  });
});

/** What somebody tries, and the server's log says that it was not permitted: to whom, and what. */
async function refused(user: User, kind: 'Publish' | 'Subscription', subjects: readonly string[]) {
  const connection = await as(user);
  void (async () => {
    for await (const _ of connection.status());
  })();
  for (const subject of subjects) {
    if (kind === 'Publish') connection.publish(subject, '{}');
    else connection.subscribe(subject, { callback: () => undefined });
  }
  await connection.flush().catch(() => undefined);
  const named = (lines: readonly string[]) =>
    subjects.filter((subject) =>
      lines.some(
        (line) =>
          line.includes(`${kind} Violation`) && line.includes(`${user}"`) && line.includes(`"${subject}"`),
      ),
    );
  return until(
    async () => named(await violations()),
    (found) => found.length === subjects.length,
    5_000,
  ).catch(async () => named(await violations()));
}

const STREAMS = [
  '$JS.API.STREAM.CREATE.MINE',
  '$JS.API.STREAM.UPDATE.SESSIONS',
  '$JS.API.STREAM.DELETE.SESSIONS',
  '$JS.API.STREAM.PURGE.SESSIONS',
  '$JS.API.STREAM.MSG.DELETE.SESSIONS',
  '$JS.API.STREAM.MSG.GET.SESSIONS',
  '$JS.API.DIRECT.GET.SESSIONS',
  '$JS.API.DIRECT.GET.SESSIONS.sessions.issued.1',
  '$JS.API.DIRECT.GET.SESSIONS.sessions.revoked.1',
  '$JS.API.STREAM.SNAPSHOT.SESSIONS',
];
const EVENTS = ['sessions.revoked.1', 'sessions.issued.1', 'sessions.more.than.that', 'activity.1'];
const LISTS = ['$JS.API.STREAM.NAMES', '$JS.API.CONSUMER.NAMES.SESSIONS', '$JS.API.CONSUMER.LIST.SESSIONS'];
const CREATE = 'signoff.jetstream.CONSUMER.CREATE.SESSIONS';
const CONSUMERS = [
  'signoff.jetstream.CONSUMER.DURABLE.CREATE.SESSIONS.mine',
  CREATE,
  `${CREATE}.mine`,
  `${CREATE}.mine.>`,
  `${CREATE}.mine.sessions.>`,
  `${CREATE}.mine.sessions.*.*`,
  `${CREATE}.mine.sessions.issued.*`,
  'signoff.jetstream.CONSUMER.CREATE.ACTIVITY.mine.sessions.revoked.*',
  'signoff.jetstream.STREAM.DELETE.SESSIONS',
  'signoff.jetstream.STREAM.DELETE.DEAD_LETTERS',
  'signoff.jetstream.CONSUMER.CREATE.DEAD_LETTERS.mine.signoff.dead.*',
  'signoff.jetstream.CONSUMER.CREATE.DEAD_LETTERS.mine.signoff.dead.panel',
  'signoff.jetstream.CONSUMER.CREATE.DEAD_LETTERS.mine.signoff.again.panel',
  'signoff.jetstream.CONSUMER.CREATE.DEAD_LETTERS.mine',
  '$JS.API.CONSUMER.DURABLE.CREATE.SESSIONS.mine',
  '$JS.API.CONSUMER.CREATE.SESSIONS',
  '$JS.API.CONSUMER.CREATE.SESSIONS.mine',
  '$JS.API.CONSUMER.CREATE.SESSIONS.mine.>',
  '$JS.API.CONSUMER.CREATE.SESSIONS.mine.sessions.>',
  '$JS.API.CONSUMER.CREATE.SESSIONS.mine.sessions.*.*',
  '$JS.API.CONSUMER.CREATE.SESSIONS.mine.sessions.issued.*',
  '$JS.API.CONSUMER.CREATE.ACTIVITY.mine.sessions.revoked.*',
];
const OF_OTHERS = [
  'signoff.dead.panel',
  'signoff.again.panel',
  'signoff.rpc.panel.head',
  'signoff.rpc.panel.sign-off',
  'signoff.receipt.panel.one',
  'signoff.rpc.panel.issue',
  'signoff.appended',
  'signoff.watermark',
  'signoff.checkpoint',
  '_INBOX.panel.x',
  '_INBOX.api.x',
  '_INBOX.x',
  '_R_.x.y',
];

describe('the server does not permit', () => {
  const attempts: [User, 'Publish' | 'Subscription', string, readonly string[]][] = [
    ['billing', 'Publish', 'to publish events', EVENTS],
    ['billing', 'Publish', 'to read or change streams', STREAMS],
    ['billing', 'Publish', 'to find the consumers of others', LISTS],
    ['billing', 'Publish', 'to make a consumer of anything but revocations', CONSUMERS],
    ['billing', 'Publish', 'to speak for others', [...OF_OTHERS, 'signoff.projected']],
    ['login', 'Publish', 'to publish events', EVENTS],
    [
      'login',
      'Publish',
      'to use JetStream',
      [...STREAMS, ...LISTS, ...CONSUMERS, '$JS.API.CONSUMER.CREATE.SESSIONS.mine.sessions.revoked.*'],
    ],
    [
      'login',
      'Publish',
      'to speak for others',
      [...OF_OTHERS, 'signoff.projected', 'signoff.receipt.login.one'],
    ],
    ['projector', 'Publish', 'to publish events', EVENTS],
    ['projector', 'Publish', 'to change streams', STREAMS.filter((one) => !one.includes('STREAM.MSG.GET'))],
    ['projector', 'Publish', 'to speak for others', OF_OTHERS],
    ...(['billing', 'login', 'projector'] as const).map(
      (user): [User, 'Subscription', string, readonly string[]] => [
        user,
        'Subscription',
        'to listen to what is not for it',
        [
          '>',
          'sessions.>',
          'sessions.issued.*',
          'activity.>',
          '_INBOX.>',
          '_INBOX.*.*',
          '_INBOX.panel.>',
          'signoff.rpc.>',
          'signoff.rpc.*.*',
          '_R_.>',
          'signoff.receipt.*.*',
          '$JS.API.>',
          '$JS.ACK.>',
          '$JS.EVENT.>',
          '$SYS.>',
        ],
      ],
    ),
    ['login', 'Subscription', 'to listen to revocations', ['sessions.revoked.*']],
    ['api', 'Subscription', 'to read the answers that others get', ['_INBOX.>', '_INBOX.billing.>', '>']],
  ];

  it.each(attempts)('%s, by %s, %s', async (user, kind, _, subjects) => {
    expect(await refused(user, kind, subjects)).toEqual(subjects);
  });

  const askFor = (connection: NatsConnection, name: string, config: object) =>
    connection
      .request(
        `${CREATE}.${name}.sessions.revoked.*`,
        JSON.stringify({
          stream_name: 'SESSIONS',
          config: { name, ack_policy: 'none', deliver_policy: 'all', ...config },
        }),
        { timeout: 5_000 },
      )
      .then((answer) => answer.json<any>());

  it.each([
    ['a wider filter than its subject says', { filter_subject: 'sessions.>' }],
    ['no filter', {}],
    ['other filters', { filter_subjects: ['sessions.revoked.*', 'sessions.issued.*'] }],
  ])('a consumer whose body asks for %s', async (_, config) => {
    const answer = await askFor(await as('billing'), 'mine', config);
    expect(answer.error?.code).toBeGreaterThanOrEqual(400);
  });

  const mirror = async (): Promise<object> => {
    const owner = await as('api');
    const about = async (stream: string) => {
      const answer = await owner.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 5_000 });
      const { created, state } = answer.json<any>();
      return { created, messages: state?.messages, last: state?.last_seq };
    };
    return { sessions: await about('SESSIONS'), activity: await about('ACTIVITY') };
  };
  const WHERE_ONLY_THE_API_MAY = [
    'sessions.issued.1',
    'activity.1',
    '$JS.API.STREAM.DELETE.SESSIONS',
    '$JS.API.STREAM.PURGE.SESSIONS',
  ];

  it('JetStream or the API to answer where only the API may publish', async () => {
    await projected(world);
    const before = await mirror();
    const billing = await as('billing');
    const login = await as('login');
    const filter = { filter_subject: 'sessions.revoked.*' };
    await askFor(billing, 'pulled', { ...filter, headers_only: true });
    for (const reply of WHERE_ONLY_THE_API_MAY) {
      await askFor(billing, `pushed-${reply.replaceAll(/\W/g, '-')}`, {
        ...filter,
        headers_only: true,
        deliver_subject: reply,
      });
      const none = JSON.stringify({ batch: 100, no_wait: true });
      billing.publish('signoff.jetstream.CONSUMER.MSG.NEXT.SESSIONS.pulled', none, { reply });
      billing.publish('signoff.jetstream.CONSUMER.INFO.SESSIONS.pulled', '', { reply });
      const signOff = JSON.stringify({ instance: 'none', bootId: 'none' });
      billing.publish('signoff.rpc.billing.sign-off', signOff, { reply });
      login.publish('signoff.rpc.login.sign-off', signOff, { reply });
      login.publish('signoff.rpc.login.introspect', '{"token":"x"}', { reply });
    }
    // Behind what was tried, on the same ways.
    const info = await billing.request('signoff.jetstream.CONSUMER.INFO.SESSIONS.pulled', '', {
      timeout: 5_000,
    });
    expect(info.json()).toMatchObject({ name: 'pulled' });
    for (const [user, connection] of Object.entries({ billing, login })) {
      const head = await connection.request(`signoff.rpc.${user}.head`, '{"nonce":"n"}', { timeout: 5_000 });
      expect(head.json()).toMatchObject({ nonce: 'n' });
    }
    expect(await mirror()).toEqual(before);
  });

  it("anybody to have JetStream bring something to another's inbox or questions", async () => {
    const [billing, panel] = [await as('billing'), await as('panel')];
    const heard: string[] = [];
    const inbox = '_INBOX.panel.known';
    panel.subscribe('_INBOX.panel.>', { callback: (_, { subject }) => void heard.push(subject) });
    await panel.flush();
    await askFor(billing, 'brought', { filter_subject: 'sessions.revoked.*', deliver_subject: inbox });
    billing.publish('signoff.jetstream.CONSUMER.INFO.SESSIONS.brought', '', { reply: inbox });
    billing.publish('signoff.rpc.billing.head', '{"nonce":"n"}', { reply: inbox });
    await billing.request('signoff.rpc.billing.head', '{"nonce":"n"}', { timeout: 5_000 });
    await panel.request('signoff.rpc.panel.head', '{"nonce":"n"}', { timeout: 5_000 });
    expect(heard.filter((subject) => subject === inbox)).toEqual([]);
  });

  it('to find the consumer of another instance: only its name opens it', async () => {
    const panel = follower('panel', 'hidden');
    await panel.ready();
    const owner = await as('api');
    const names = await owner.request('$JS.API.CONSUMER.NAMES.SESSIONS', '', { timeout: 5_000 });
    const [name] = names.json<any>().consumers.filter((one: string) => one.includes('panel-hidden'));
    expect(name).toMatch(/^revocations-panel-hidden-[A-Za-z0-9]{22}$/);
    const billing = await as('billing');
    for (const asked of ['revocations-panel-hidden', '*', '>']) {
      const info = billing.request(`signoff.jetstream.CONSUMER.INFO.SESSIONS.${asked}`, '', {
        timeout: 1_000,
      });
      const found = await info.then(
        (answer) => answer.json<any>().config,
        () => undefined,
      );
      expect([asked, found]).toEqual([asked, undefined]);
    }
    await panel.close();
  });
});
