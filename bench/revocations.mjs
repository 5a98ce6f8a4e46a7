import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import pg from 'pg';
import { sessionIdFrom } from '../dist/libs/domain/src/identifier.js';
import { connect } from '../dist/libs/revocations/src/connect.js';
import { RevokedSet } from '../dist/libs/revocations/src/revoked-set.js';
import { median, root, withStack } from './stack.mjs';

const REVOCATIONS = Number(process.env.REVOCATIONS ?? 1_000_000);
const ROUNDS = 12;
const CHECKS = 200_000;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const idOf = (n) => sessionIdFrom(createHash('sha256').update(`session ${n}`).digest().subarray(0, 16));
const bytesInUse = () => {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
/** Seconds that the work takes. */
const timed = async (work) => {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
};
const rate = (perSecond) => `${(perSecond / 1e6).toFixed(2)} million/s`;

/** The log as if so many sessions had been ended; nobody checks its chain here. */
async function seed(ownerUrl, ids) {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  const expires = new Date(Date.now() + 30 * 86_400_000).toISOString().replace(/\.\d+/, '.000');
  const metadata =
    '{"actor":{"type":"account","id":"ada"},"credential":"bench","commandId":"bench","requestId":"bench"}';
  for (let from = 0; from < ids.length; from += 20_000) {
    const some = ids.slice(from, from + 20_000);
    await client.query(
      `INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, metadata, recorded_at, revocation, hash)
       SELECT $2 + i, 'account-' || ($2 + i), 1, gen_random_uuid(), 'SessionRevoked', 1,
         json_build_object('sessionId', id, 'reason', 'user_all', 'credentialsExpireAt', $3::text)::text, $4,
         date_trunc('milliseconds', now()), $2 + i, sha256(id::bytea)
       FROM unnest($1::text[]) WITH ORDINALITY AS s (id, i)`,
      [some, from, expires, metadata],
    );
  }
  await client.query('UPDATE event_log.head SET position = $1, revocations = $1', [ids.length]);
  await client.query('ANALYZE event_log.event');
  await client.end();
}

async function filledStream(natsUrl, last) {
  const connection = await connectNats({ servers: natsUrl });
  const manager = await jetstreamManager(connection);
  for (;;) {
    const info = await manager.streams.info('SESSIONS').catch(() => undefined);
    if ((info?.state.last_seq ?? 0) >= last) break;
    await sleep(500);
  }
  return { manager, close: () => connection.close() };
}

/** Checks a second by several means in turn, on the same strings: half of them ended, half not. */
async function compare(means, ids, fresh) {
  const asked = Array.from({ length: CHECKS }, (_, i) =>
    Buffer.from(i % 2 === 0 ? ids[(i * 7_919) % ids.length] : sessionIdFrom(randomBytes(16))).toString(),
  );
  const rates = Object.fromEntries(Object.keys(means).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    // What never lets go of the event loop hears of nothing, and is stale in the end.
    await fresh();
    // Whoever comes first finds the processor's cache full of something else: each does so as often as the others.
    const inTurn = Object.entries(means);
    inTurn.push(...inTurn.splice(0, round % inTurn.length));
    for (const [name, check] of inTurn) {
      let found = 0;
      const before = process.cpuUsage();
      for (let i = 0; i < CHECKS; i++) if (check(asked[i])) found++;
      const { user, system } = process.cpuUsage(before);
      if (found !== CHECKS / 2) throw new Error(`${name} found ${found}`);
      if (round > 0) rates[name].push((CHECKS * 1e6) / (user + system));
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)]));
}

await withStack(async ({ ownerUrl, natsUrl, env }) => {
  const ids = Array.from({ length: REVOCATIONS }, (_, n) => idOf(n));
  console.log(
    `${REVOCATIONS} revocations; into the log: ${(await timed(() => seed(ownerUrl, ids))).toFixed(1)} s`,
  );
  const api = spawn(process.execPath, [join(root, 'dist/apps/sessions-api/src/main.js')], {
    env: { ...env, PORT: '0' },
    stdio: 'inherit',
  });
  try {
    let stream;
    const relayed = await timed(async () => (stream = await filledStream(natsUrl, REVOCATIONS)));
    console.log(`relayed to the stream: ${relayed.toFixed(1)} s`);

    const start = () => connect({ nats: { servers: natsUrl }, service: 'bench' });
    const caughtUp = async (from) => {
      const before = bytesInUse();
      let revocations;
      const seconds = await timed(() => (revocations = start()).ready());
      const bytes = (bytesInUse() - before) / REVOCATIONS;
      console.log(
        `caught up from ${from}: ${seconds.toFixed(1)} s, ${bytes.toFixed(1)} bytes a revocation in the process`,
      );
      return revocations;
    };
    const revocations = await caughtUp('the stream');

    const table = (() => {
      const before = bytesInUse();
      const set = new RevokedSet();
      for (const id of ids) set.add(id, Date.now() + 1e9);
      console.log(`its table: ${((bytesInUse() - before) / REVOCATIONS).toFixed(1)} bytes an entry`);
      return set;
    })();
    const set = new Set(ids);
    const map = new Map(ids.map((id) => [id, 0]));
    const rates = await compare(
      {
        'isRevoked, freshness checked': (id) => revocations.isRevoked(id),
        'its table alone': (id) => table.has(id),
        'Set.has': (id) => set.has(id),
        'Map.has': (id) => map.has(id),
      },
      ids,
      () => revocations.ready().then(() => sleep(100)),
    );
    for (const [name, perSecond] of Object.entries(rates)) {
      const ratio = rates['isRevoked, freshness checked'] / perSecond;
      console.log(`${name.padEnd(30)} ${rate(perSecond)}; isRevoked is ${ratio.toFixed(2)} times as fast`);
    }
    await revocations.close();

    await stream.manager.streams.purge('SESSIONS', { seq: REVOCATIONS + 1 });
    await (await caughtUp('pages of the API alone')).close();
    await stream.close();
  } finally {
    api.kill('SIGTERM');
    await once(api, 'exit');
  }
});
