import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { sessionIdFrom } from '../../dist/libs/domain/src/identifier.js';
import { connect } from '../../dist/libs/revocations/src/connect.js';
import { RevokedSet } from '../../dist/libs/revocations/src/revoked-set.js';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { times, writeLog } from '../seed.mjs';
import { startService } from '../service.mjs';
import { withStack } from '../stack.mjs';
import { relayAll } from './relay.mjs';

const CHECKS = 200_000;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const bytesInUse = () => {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What `make` comes to takes so many bytes for each of `count`, and so many seconds. */
async function weighed(count, make) {
  const [before, began] = [bytesInUse(), performance.now()];
  const made = await make();
  const seconds = (performance.now() - began) / 1_000;
  return { made, seconds, bytes: (bytesInUse() - before) / count };
}

export async function run({ smoke, rounds, warmUp }) {
  const count = smoke ? 5_000 : 300_000;
  const ids = Array.from({ length: count }, () => sessionIdFrom(randomBytes(16)));
  const memory = [];
  let results;
  await withStack(async (stack) => {
    const { expiresAt } = times();
    const ended = ids.map((sessionId, n) => ({
      account: `user-${n}`,
      type: 'SessionRevoked',
      data: { sessionId, reason: 'user_all', credentialsExpireAt: expiresAt },
    }));
    await writeLog(stack.ownerUrl, stack.env.MASTER_KEY, ended);
    await relayAll(stack, count);
    const service = await startService(stack);
    const caughtUp = async (from) => {
      const { made, seconds, bytes } = await weighed(count, async () => {
        const revocations = connect({ nats: { servers: stack.natsUrl }, service: 'bench' });
        await revocations.ready();
        return revocations;
      });
      memory.push([`caught up from ${from}`, number(bytes), `${number(seconds)} s`]);
      return made;
    };
    const revocations = await caughtUp('the stream');
    const table = await weighed(count, () => {
      const table = new RevokedSet();
      for (const id of ids) table.add(id, Date.now() + 1e9);
      return table;
    });
    const set = await weighed(count, () => new Set(ids));
    const map = await weighed(count, () => new Map(ids.map((id) => [id, Date.now() + 1e9])));
    for (const [name, { bytes }] of Object.entries({ 'its table alone': table, Set: set, Map: map })) {
      memory.push([name, number(bytes), '']);
    }

    const asked = Array.from({ length: CHECKS }, (_, i) =>
      Buffer.from(i % 2 === 0 ? ids[(i * 7_919) % count] : sessionIdFrom(randomBytes(16))).toString(),
    );
    const checking = (name, role, check) => ({
      name,
      role,
      // What never lets go of the event loop hears of nothing, and is stale in the end.
      before: () => revocations.ready().then(() => sleep(20)),
      run: () => checked(name, check, asked),
    });
    results = await inTurns(
      [
        checking('Signoff: isRevoked, freshness checked', 'ours', (id) => revocations.isRevoked(id)),
        checking('its table alone', 'ours', (id) => table.made.has(id)),
        checking('floor: Set.has', 'floor', (id) => set.made.has(id)),
        checking('floor: Map.has', 'floor', (id) => map.made.has(id)),
      ],
      { rounds: rounds * 2, warmUp },
    );
    await revocations.close();

    const bus = await connectNats({ servers: stack.natsUrl });
    await (await jetstreamManager(bus)).streams.purge('SESSIONS', { seq: count + 1 });
    await bus.close();
    await (await caughtUp('pages of the API alone')).close();
    await service.stop();
  });
  return {
    title: 'Revocations in a service',
    about: `${number(count)} revocations are held; half of what is asked about was ended. By processor time.`,
    sections: [
      rates('Checks', [{ name: 'checks', results }], { unit: 'checks/s', each: 'check' }),
      { title: 'Memory and catching up', columns: ['', 'bytes a revocation', 'took'], rows: memory },
    ],
  };
}

/** The same strings each time. Whoever comes behind somebody else finds the processor's cache full of something else. */
function checked(name, check, asked) {
  let found = 0;
  for (const id of asked) if (check(id)) found++;
  const before = process.cpuUsage();
  for (const id of asked) if (check(id)) found++;
  const { user, system } = process.cpuUsage(before);
  if (found !== asked.length) throw new Error(`${name} found ${found}`);
  return { completed: asked.length, seconds: (user + system) / 1e6 };
}
