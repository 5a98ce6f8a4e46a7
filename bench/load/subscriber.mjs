import { fork } from 'node:child_process';
import { once } from 'node:events';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { connect } from '../../dist/libs/revocations/src/connect.js';
import { tie } from '../stack.mjs';

/** One clock for all processes of a machine, in milliseconds. */
export const clock = () => Number(process.hrtime.bigint()) / 1e6;

/** When each instance of a service knew of what: the revocations library, or, as its floor, a bare consumer. */
const follow = {
  async library(servers, instance) {
    const [seen, revocations] = [[], connect({ nats: { servers }, service: 'bench', instance })];
    revocations.onRevoked(({ sessionId }) => {
      if (revocations.isRevoked(sessionId)) seen.push([sessionId, clock()]);
    });
    await revocations.ready();
    return { seen, close: () => revocations.close() };
  },

  async consumer(servers) {
    const [seen, connection] = [[], await connectNats({ servers })];
    const manager = await jetstreamManager(connection);
    const { name } = await manager.consumers.add('FLOOR', {
      deliver_policy: DeliverPolicy.New,
      ack_policy: AckPolicy.None,
      mem_storage: true,
    });
    const consumer = await manager.jetstream().consumers.get('FLOOR', name);
    await consumer.consume({ callback: ({ headers }) => seen.push([headers.get('ce-id'), clock()]) });
    return { seen, close: () => connection.close() };
  },
};

if (process.send) {
  const [{ kind, natsUrl, instances }] = await once(process, 'message');
  const followers = await Promise.all(instances.map((instance) => follow[kind](natsUrl, instance)));
  process.on('message', () => process.send(followers.map(({ seen }) => seen.splice(0))));
  process.once('disconnect', () => Promise.all(followers.map(({ close }) => close())));
  process.send('ready');
}

/** So many instances, in as many processes as there are, and four at most. */
export async function startSubscribers(kind, natsUrl, count) {
  const names = Array.from({ length: count }, (_, i) => `instance-${i}`);
  const processes = Math.min(4, count);
  const children = await Promise.all(
    Array.from({ length: processes }, async (_, i) => {
      const child = tie(fork(import.meta.filename));
      child.send({ kind, natsUrl, instances: names.filter((_, j) => j % processes === i) });
      await once(child, 'message');
      return child;
    }),
  );
  return {
    /** Of each instance `[what, when]`, since it was asked for the last time. */
    seen: async () => {
      const answers = children.map(async (child) => {
        child.send('tell');
        return (await once(child, 'message'))[0];
      });
      return (await Promise.all(answers)).flat();
    },
    stop: async () => {
      await Promise.all(
        children.map(async (child) => {
          child.disconnect();
          await once(child, 'exit');
        }),
      );
    },
  };
}
