import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers as natsHeaders } from '@nats-io/transport-node';
import { openConnection } from '../load/http-client.mjs';
import { clock, startSubscribers } from '../load/subscriber.mjs';
import { inTurns, quantile } from '../measure.mjs';
import { number } from '../output.mjs';
import { remove } from '../requests.mjs';
import { accountOf, ageStreamOut, sessionOf, sessionsIssued, times, writeLog } from '../seed.mjs';
import { startService } from '../service.mjs';
import { withStack } from '../stack.mjs';

const PER_ACCOUNT = 20;
const SEEN_WITHIN_MS = 10_000;
/** A hundred on two cores cannot take in more than 2,000 messages a second between them. */
const RATES = new Map([
  [1, 200],
  [10, 200],
  [100, 20],
]);

export async function run({ smoke, rounds, seconds, warmUp }) {
  const accounts = smoke ? 150 : 2_500;
  const rows = [];
  await withStack(async (stack) => {
    const seeded = sessionsIssued(accounts, accounts * PER_ACCOUNT, times());
    const { position } = await writeLog(stack.ownerUrl, stack.env.MASTER_KEY, seeded);
    await ageStreamOut(stack.natsUrl, position);
    const service = await startService(stack);
    await service.caughtUp();
    const key = await service.serviceKey(['sessions:revoke']);
    const revoker = await makeRevoker(service.apis[0].port, key, accounts);
    const publisher = await makePublisher(stack.natsUrl, await revoker.end(''));
    for (const [count, rate] of smoke ? [[1, 200]] : RATES) {
      const library = await startSubscribers('library', stack.natsUrl, count);
      const consumers = await startSubscribers('consumer', stack.natsUrl, count);
      const contenders = [
        ['Signoff: acknowledged → isRevoked', 'ours', () => revoker.end(''), library],
        ['floor: published → delivered', 'floor', publisher.publish, consumers],
        ['Signoff: asked → acknowledged', 'ours', () => revoker.end('')],
        ['Signoff: asked → in effect at all of them', 'ours', () => revoker.end('Prefer: wait=2\r\n')],
      ].map(([name, role, act, subscribers]) => ({
        name,
        role,
        pid: service.apis[0].pid,
        run: () => paced(act, subscribers, { rate, seconds }),
        after: () => library.seen(),
      }));
      const results = await inTurns(contenders, { rounds, warmUp, postgres: stack.postgresPid });
      const [ours, floor] = results;
      rows.push(
        ...results.map((one, i) => [
          i === 0 ? `**${count}**, ${rate}/s` : '',
          one.name,
          ...[one.p50, one.p99, one.lastP50, one.lastP99].map(number),
          one === floor
            ? [ours.p50 / floor.p50, ours.p99 / floor.p99].map(number).join(' × and ') + ' ×'
            : '',
        ]),
      );
      await Promise.all([library.stop(), consumers.stop()]);
    }
    revoker.close();
    await publisher.close();
    await service.stop();
  });
  return {
    title: 'In effect',
    about: `Revocations, and messages of the same size for the floor, at the same rate. More than four subscribers share four processes.`,
    sections: [
      {
        title: 'Until a revocation is in effect',
        columns: ['subscribers', '', 'p50 ms', 'p99 ms', 'at the last, p50', 'p99', 'ours is, p50 and p99'],
        rows,
      },
    ],
  };
}

/** Acts at the rate. `act` answers `{ what, at, took }`; the times are those at which subscribers saw it, or that it took. */
async function paced(act, subscribers, { rate, seconds }) {
  const total = Math.round(rate * seconds);
  const began = clock();
  const acts = [];
  while (acts.length < total) {
    while (acts.length < total && acts.length / rate <= (clock() - began) / 1_000) acts.push(act());
    await sleep(1);
  }
  const done = await Promise.all(acts);
  if (!subscribers)
    return told(
      done.map(({ took }) => [took]),
      rate,
    );
  const since = new Map(done.map(({ what, at }) => [what, { at, times: [] }]));
  const times = [...since.values()].map(({ times }) => times);
  let instances;
  const missed = () => times.filter(({ length }) => length < instances).length;
  for (const giveUpAt = clock() + SEEN_WITHIN_MS; ; await sleep(50)) {
    const seen = await subscribers.seen();
    instances = seen.length;
    for (const [what, when] of seen.flat()) {
      const one = since.get(what);
      one?.times.push(when - one.at);
    }
    if (missed() === 0) return told(times, rate);
    if (clock() > giveUpAt) throw new Error(`${missed()} of ${total} were not seen by all ${instances}`);
  }
}

const told = (times, rate) => {
  const last = times.map((some) => Math.max(...some));
  return {
    completed: times.length,
    seconds: times.length / rate,
    p50: quantile(times.flat(), 0.5),
    p99: quantile(times.flat(), 0.99),
    lastP50: quantile(last, 0.5),
    lastP99: quantile(last, 0.99),
  };
};

async function makeRevoker(port, key, accounts) {
  const connections = await Promise.all(Array.from({ length: 16 }, () => openConnection(port)));
  const idle = [...connections];
  let next = 0;
  return {
    end: async (prefer) => {
      const n = next++;
      if (n >= accounts * PER_ACCOUNT) throw new Error('all sessions have been ended');
      let connection = idle.pop();
      if (!connection?.isUsable()) connections.push((connection = await openConnection(port)));
      const path = `/api/accounts/${accountOf(n % accounts)}/sessions/${sessionOf(n)}`;
      const asked = clock();
      const { status, body } = await connection.send(remove(path, key, prefer));
      const at = clock();
      idle.push(connection);
      if (status !== 200 || (prefer && !JSON.parse(body).effect.inEffect)) {
        throw new Error(`${status}: ${body}`);
      }
      return { what: sessionOf(n), at, took: at - asked };
    },
    close: () => connections.forEach((connection) => connection.close()),
  };
}

/** Publishes what the relay has published of a revocation, under numbers of its own. */
async function makePublisher(natsUrl, { what }) {
  const connection = await connect({ servers: natsUrl });
  const manager = await jetstreamManager(connection);
  let message;
  while (!message?.string().includes(what)) {
    message = await manager.streams.getMessage('SESSIONS', { last_by_subj: 'sessions.revoked.*' });
  }
  const headers = natsHeaders();
  for (const [name, [value]] of message.header) if (!name.startsWith('Nats-')) headers.set(name, value);
  await manager.streams.add({ name: 'FLOOR', subjects: ['floor'] });
  const client = manager.jetstream();
  let next = 0;
  return {
    publish: async () => {
      const name = String(next++).padStart(36, '0');
      headers.set('ce-id', name);
      const at = clock();
      await client.publish('floor', message.data, { headers });
      return { what: name, at };
    },
    close: () => connection.close(),
  };
}
