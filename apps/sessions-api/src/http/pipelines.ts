import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const closing = new WeakSet<Socket>();

/** For an answer that closes its connection and comes past every hook. To be called before anything is waited for. */
export const carryOutNothingBehind = ({ raw }: FastifyRequest): void => void closing.add(raw.socket);

/**
 * Carries out the requests of one connection one after another (RFC 9112, section 9.3.2), and none behind an answer that
 * closes it (9.6). Node runs all that have arrived at the same time, in no order, and those behind the last answer with
 * no one to tell of it.
 */
export function carryOutInOrder(instance: FastifyInstance): void {
  /** The answer that the next request of a connection has to wait for; none while it rests. */
  const newest = new WeakMap<Socket, ServerResponse>();
  instance.addHook('onRequest', ({ raw: { socket } }, reply, done) => {
    const before = newest.get(socket);
    newest.set(socket, reply.raw);
    const carryOut = () => {
      if (closing.has(socket) || !socket.writable) reply.hijack();
      else done();
    };
    if (before && !before.writableFinished) before.once('close', carryOut);
    else carryOut();
  });
  instance.addHook('onSend', ({ raw }, reply, payload, done) => {
    if (reply.getHeader('connection') === 'close') closing.add(raw.socket);
    done(null, payload);
  });
  instance.addHook('onResponse', ({ raw: { socket } }, reply, done) => {
    if (newest.get(socket) === reply.raw) newest.delete(socket);
    done();
  });
}
