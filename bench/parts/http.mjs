import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { CREATE_LOG, startSqlFloor } from '../floors/sql.mjs';
import { fixedRate } from '../load/arrivals.mjs';
import { requireInstalled } from '../load/installed.mjs';
import { sendAll } from '../load/http-client.mjs';
import { closedLoopOverHttp } from '../load/wrk.mjs';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { startPeers } from '../peers/peers.mjs';
import { get, post, remove, Supply } from '../requests.mjs';
import * as seed from '../seed.mjs';
import { startService } from '../service.mjs';
import { startServer, withStack } from '../stack.mjs';

const PER_ACCOUNT = 5;
const AT_ONCE = 32;
/** Revocations go round so many accounts before they come to the next session of each. */
const BLOCK = 1_000;
const MOST_LISTED = 10_000;
/** More than a process of ours keeps. */
const LISTED_ANEW = 25_000;
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

export const cases = [
  'list',
  'list anew',
  'list by account key',
  'introspect',
  'revoke one',
  'revoke others',
  'issue',
];

export async function run(options) {
  const accounts = options.accounts ?? (options.smoke ? 2_000 : 100_000);
  const groups = [];
  requireInstalled('wrk');
  await withStack(async (stack) => {
    const servers = await startServers(stack, accounts);
    try {
      for (const name of cases.filter((name) => !options.only || name === options.only)) {
        console.log(`  ${name}`);
        groups.push({ name, ...(await measureCase(name, servers, options, stack)) });
      }
    } finally {
      for (const { stop } of servers.toReversed()) await stop();
    }
  });
  return {
    title: 'Requests',
    about:
      `${number(accounts)} accounts with ${number(accounts * PER_ACCOUNT)} sessions. Requests go round a tenth of the accounts, ` +
      `each of which has been listed once before; "anew" round ${number(LISTED_ANEW)} others, more than a process keeps; each revocation ends a live session, of an account that has just been listed. At the fixed rates a request's time ` +
      `counts from when it was due, the first second apart. "Floor" answers the same bytes without looking anything up, or asks PostgreSQL without HTTP.`,
    sections: sectionsOf(groups),
  };
}

function sectionsOf(groups) {
  const alone = rates(
    'One client alone',
    groups.map(({ name, alone }) => ({ name, results: alone })),
  );
  const paced = groups.flatMap(({ name, paced }) =>
    paced.flatMap(({ share, results }, i) =>
      results.map((one, j) => [
        i + j === 0 ? `**${name}**` : '',
        one.name,
        `${share} of its most: ${number(one.rate)}`,
        ...[one.p50, one.p99, one.p999, one.late].map(number),
        `${Math.round(one.generator * 100)} %`,
      ]),
    ),
  );
  return [
    rates(
      `${AT_ONCE} clients`,
      groups.map(({ name, busy }) => ({ name, results: busy })),
    ),
    { ...alone, charts: [] },
    {
      title: 'At a fixed rate of arrival',
      columns: ['', '', 'requests/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'sent late, p99 ms', "generator's CPU"],
      rows: paced,
    },
  ];
}

async function measureCase(name, servers, options, { folder, postgresPid: postgres }) {
  const { rounds, seconds, warmUp } = options;
  const able = servers.filter(({ cases }) => cases[name]);
  const most = new Map();
  const closed = (atOnce) => ({
    atOnce,
    seconds,
    wanted: (who) => (most.get(who) ?? 8_000) * 1.3 * seconds,
    send: (port, requests, once) =>
      closedLoopOverHttp(port, requests, { folder, seconds, once, connections: atOnce }),
  });
  const measure = async (load, turns, among = able) =>
    inTurns(
      among.map((server) => contender(server, name, load)),
      { postgres, ...turns },
    );

  const busy = await measure(closed(AT_ONCE), { rounds, warmUp });
  for (const { name, max } of busy) most.set(name, max);
  if (options.smoke && name !== cases[0]) return { busy, alone: [], paced: [] };
  const alone = await measure(closed(1), { rounds: Math.min(rounds, 3), warmUp: false });
  const paced = [];
  for (const share of [0.5, 0.8]) {
    const rateOf = (who) => busy.find(({ name }) => name === who).rate * share;
    const results = await measure(
      {
        wanted: (who) => rateOf(who) * seconds,
        send: (port, requests, once, who) =>
          fixedRate(port, requests, {
            rate: rateOf(who),
            seconds: once ? requests.length / rateOf(who) : seconds,
          }),
      },
      { rounds: 1, warmUp: false },
      able.filter(({ port }) => port),
    );
    paced.push({ share, results });
  }
  return { busy, alone, paced };
}

/** One server at one case. What can be sent once only comes out of a supply, is made ready before, and counted behind. */
export function contender(server, name, load) {
  const { cases, pid, port, role, name: who } = server;
  if (server.ask) return { name: who, role, pid, run: () => server.ask(cases[name], load) };
  const { requests, supply, ready, ends, writes } = cases[name];
  let [some, endedBefore] = [requests, 0];
  return {
    name: who,
    role,
    pid,
    before: async () => {
      if (!supply) return;
      some = await supply.take(Math.ceil(load.wanted(who)));
      await ready?.(supply.next, some.length);
      endedBefore = await server.ended();
    },
    run: () => load.send(port, some, Boolean(supply), who),
    after: async ({ completed, sent, refused }) => {
      if (refused > 0) throw new Error(`${who} has refused ${refused} of ${sent}: ${name}`);
      supply?.used(sent);
      if (writes) await server.settle?.();
      if (!supply) return;
      const ended = (await server.ended()) - endedBefore;
      if (ended < completed * ends || ended > sent * ends) {
        throw new Error(`${who} has answered ${completed} of ${sent}, and ended ${ended} sessions: ${name}`);
      }
    },
  };
}

async function startServers(stack, accounts) {
  const times = seed.times();
  const sessions = seed.sessionsIssued(accounts, accounts * PER_ACCOUNT, times);
  const { position } = await seed.writeLog(stack.ownerUrl, stack.env.MASTER_KEY, sessions);
  await seed.rebuildReadModel(stack);
  await seed.ageStreamOut(stack.natsUrl, position);
  const shape = shapeOf(accounts);
  const ours = await startOurs(stack, shape, times);
  const floors = [await startBare(stack, ours), await startSql(stack, shape)];
  return [ours, ...floors, ...(await startPeers(stack, shape))];
}

/** The first tenth is listed, the next part loses its sessions one by one, and the rest all but one at once. */
export function shapeOf(accounts, perAccount = PER_ACCOUNT) {
  const [one, others] = [accounts / 10, accounts * 0.45];
  const block = Math.min(BLOCK, others - one);
  const blocks = Math.floor((others - one) / block);
  return {
    accounts,
    perAccount,
    listed: Array.from({ length: Math.min(one, MOST_LISTED) }, (_, i) =>
      Math.floor((i * one) / Math.min(one, MOST_LISTED)),
    ),
    one: {
      size: blocks * block * (perAccount - 1),
      of: (i) => ({
        account: one + Math.floor(i / (block * (perAccount - 1))) * block + (i % block),
        session: 1 + (Math.floor(i / block) % (perAccount - 1)),
      }),
    },
    others: { size: accounts - others, of: (i) => others + i },
  };
}

export async function startOurs(stack, shape, times, { apis = 1, keys = 2_000 } = {}) {
  const { accounts, perAccount, listed, one, others } = shape;
  const service = await startService(stack, { apis });
  await service.caughtUp();
  const serviceKey = await service.serviceKey(['sessions:issue', 'sessions:introspect']);
  const list = async (n) => get('/api/account/sessions', await service.credentialOf(n, times));
  const all = async (work, of = listed) => {
    const done = [];
    for (let at = 0; at < of.length; at += AT_ONCE) {
      done.push(...(await Promise.all(of.slice(at, at + AT_ONCE).map(work))));
    }
    return done;
  };

  const listFirst = async (numbers) => {
    const requests = await all(list, [...new Set(numbers)]);
    const answers = await sendAll(port, requests);
    if (answers.some(({ status }) => status !== 200)) throw new Error('an account could not be listed');
    return requests;
  };
  const range = (from, count, of) => Array.from({ length: count }, (_, i) => of(from + i));
  const ports = service.apis.map(({ port }) => port);
  const [{ port, pid }] = service.apis;
  return {
    name: 'Signoff',
    role: 'ours',
    port,
    ports,
    pid,
    projector: service.projector.pid,
    settle: service.caughtUp,
    ended: service.revocations,
    stop: service.stop,
    cases: {
      list: { requests: await listFirst(listed) },
      'list anew': {
        requests: await all(list, range(0, Math.min(others.size, LISTED_ANEW), others.of)),
      },
      'list by account key': {
        requests: await all(
          async (n) => get('/api/account/sessions', await service.accountKey(seed.accountOf(n))),
          listed.slice(0, keys),
        ),
      },
      introspect: {
        requests: await all(async (n) =>
          post('/api/introspect', serviceKey, FORM_TYPE, `token=${await service.credentialOf(n, times)}`),
        ),
      },
      'revoke one': {
        writes: true,
        ends: 1,
        supply: new Supply(one.size, async (i) => {
          const { account, session } = one.of(i);
          const path = `/api/account/sessions/${seed.sessionOf(account + session * accounts)}`;
          return remove(path, await service.credentialOf(account, times));
        }),
        ready: (from, count) => listFirst(range(from, count, (i) => one.of(i).account)),
      },
      'revoke others': {
        writes: true,
        ends: perAccount - 1,
        supply: new Supply(others.size, async (i) =>
          remove('/api/account/sessions', await service.credentialOf(others.of(i), times)),
        ),
        ready: (from, count) => listFirst(range(from, count, others.of)),
      },
      issue: {
        writes: true,
        requests: listed.map((n, i) => {
          const body = {
            accountId: seed.accountOf(one.of(i).account),
            ipAddress: seed.ipAddressOf(n),
            userAgent: seed.USER_AGENTS[n % seed.USER_AGENTS.length],
          };
          return post('/api/sessions', serviceKey, JSON_TYPE, JSON.stringify(body));
        }),
      },
    },
  };
}

/** Gives the answers that ours has given once, to the same requests. */
async function startBare({ env }, ours) {
  const paths = {
    list: ['GET', '/api/account/sessions'],
    'list anew': ['GET', '/api/account/sessions'],
    'list by account key': ['GET', '/api/account/sessions'],
    introspect: ['POST', '/api/introspect'],
    'revoke one': ['DELETE', '/api/account/sessions/:token'],
    'revoke others': ['DELETE', '/api/account/sessions'],
    issue: ['POST', '/api/sessions'],
  };
  const [answers, requestsOf] = [new Map(), {}];
  for (const [name, { requests, supply, ready }] of Object.entries(ours.cases)) {
    const [method, path] = paths[name];
    const some = requests ?? (await supply.take(100));
    await ready?.(supply.next, 1);
    supply?.used(1);
    const [{ status, body }] = await sendAll(ours.port, some.slice(0, 1));
    if (status >= 300) throw new Error(`${name} was answered with ${status}: ${body}`);
    answers.set(`${method} ${path}`, { method, path, body });
    requestsOf[name] = { requests: some };
  }
  const variables = { ...env, ANSWERS: JSON.stringify([...answers.values()]) };
  const [{ path }] = answers.values();
  const { port, pid, stop } = await startServer('bench/floors/nest.mjs', variables, path);
  return { name: 'floor: bare NestJS on Fastify', role: 'floor', port, pid, stop, cases: requestsOf };
}

async function startSql({ env, ownerUrl }, { listed }) {
  const owner = createPool(ownerUrl, { max: 1 });
  await owner.query(CREATE_LOG);
  await owner.end();
  const { pid, run, stop } = await startSqlFloor(env);
  const accounts = listed.map(seed.accountOf);
  return {
    name: 'floor: the SQL alone',
    role: 'floor',
    pid,
    stop,
    ask: (what, { atOnce, seconds }) => run({ what, accounts, atOnce, seconds }),
    cases: {
      list: 'list',
      'list by account key': 'list',
      introspect: 'introspect',
      'revoke one': 'append',
      issue: 'append',
    },
  };
}
