import type { FastifyInstance } from 'fastify';

const DRAIN_MS = 10_000;

/**
 * A stop in order: no new connections, idle ones are closed, what has been asked is answered, and its connection closed
 * with the answer. Whoever has not got his answer, or not sent his request, after 10 s is cut off.
 */
export function drainOnStop(instance: FastifyInstance): void {
  let isStopping = false;
  instance.addHook('preClose', (done) => {
    isStopping = true;
    setTimeout(() => instance.server.closeAllConnections(), DRAIN_MS).unref();
    done();
  });
  instance.addHook('onSend', (_request, reply, payload, done) => {
    if (isStopping) reply.header('connection', 'close');
    done(null, payload);
  });
}
