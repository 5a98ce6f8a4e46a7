import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import { Relay } from '../../dist/apps/sessions-api/src/relay/relay.js';
import { WakeUp } from '../../dist/apps/sessions-api/src/relay/wake-up.js';
import { toMessage } from '../../dist/libs/bus/src/envelope.js';
import { publishInOrder } from '../../dist/libs/bus/src/publish.js';
import { ensureStream } from '../../dist/libs/bus/src/stream.js';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { readForward, readHead } from '../../dist/libs/event-log/src/read.js';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { sessionsIssued, times, writeLog } from '../seed.mjs';
import { withStack } from '../stack.mjs';

const STREAM = { replicas: 1, maxAgeMs: 100 * 86_400_000, maxBytes: -1 };
const IN_FLIGHT = 500;

/** Runs the relay over whatever is in the log until the stream has it. */
export async function relayAll({ databaseUrl, natsUrl }, last) {
  const pool = createPool(databaseUrl, { max: 2 });
  const bus = await connect({ servers: natsUrl });
  const settings = { stream: STREAM, source: 'signoff' };
  const relay = new Relay(pool, bus, settings, new WakeUp(), pino({ level: 'error' }));
  const stop = new AbortController();
  const leading = relay.lead(stop.signal);
  while (relay.status.position !== last) await sleep(5);
  stop.abort();
  await leading;
  await Promise.all([pool.end(), bus.close()]);
}

export async function run({ smoke, rounds, warmUp }) {
  const backlog = smoke ? 3_000 : 60_000;
  const alone = smoke ? 300 : 6_000;
  let results;
  await withStack(async (stack) => {
    const { ownerUrl, natsUrl, databaseUrl, env } = stack;
    await writeLog(ownerUrl, env.MASTER_KEY, sessionsIssued(backlog, backlog, times()));
    const bus = await connect({ servers: natsUrl });
    const [manager, client] = [await jetstreamManager(bus), jetstream(bus)];
    const pool = createPool(databaseUrl, { max: 1 });
    const head = await readHead(pool);
    const messages = [];
    while (messages.length < backlog) {
      const events = await readForward(pool, messages.length, 10_000);
      messages.push(...events.map((event) => toMessage(event, head, 'signoff')));
    }
    const emptied = async () => {
      await manager.streams.delete('SESSIONS').catch(() => undefined);
      await ensureStream(bus, manager, STREAM, async () => 1);
    };
    const timed = (count, work) => async () => {
      const began = performance.now();
      await work();
      return { completed: count, seconds: (performance.now() - began) / 1_000 };
    };
    const oneAtATime = async () => {
      for (const message of messages.slice(0, alone)) {
        const { kind } = await publishInOrder(bus, [message]);
        if (kind !== 'stored') throw new Error(kind);
      }
    };
    const pipelined = async () => {
      for (let from = 0; from < backlog; from += IN_FLIGHT) {
        const some = messages.slice(from, from + IN_FLIGHT);
        await Promise.all(
          some.map(({ subject, body, headers }) => client.publish(subject, body, { headers })),
        );
      }
    };
    const contenders = [
      ['Signoff: from the log to the stream', 'ours', timed(backlog, () => relayAll(stack, backlog))],
      ['one message at a time', 'peer', timed(alone, oneAtATime)],
      [`floor: ${IN_FLIGHT} publications in flight, in any order`, 'floor', timed(backlog, pipelined)],
    ].map(([name, role, run]) => ({ name, role, pid: process.pid, before: emptied, run }));
    results = await inTurns(contenders, { rounds, warmUp, postgres: stack.postgresPid });
    await Promise.all([pool.end(), bus.close()]);
  });
  return {
    title: 'The relay',
    about: `A backlog of ${number(backlog)} events goes to an empty stream; the floor publishes the same bytes, read before.`,
    sections: [rates('Log to stream', [{ name: 'relay', results }], { unit: 'events/s', each: 'event' })],
  };
}
