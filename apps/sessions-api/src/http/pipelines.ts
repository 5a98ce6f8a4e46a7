import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const newest = Symbol();
const isClosing = Symbol();

/** A socket keeps what there is to know of it: each request asks several times. */
interface Connection extends Socket {
  /** The answer that its next request has to wait for; none while it rests. */
  [newest]?: ServerResponse | undefined;
  [isClosing]?: true;
}

const connectionOf = ({ raw }: FastifyRequest) => raw.socket as Connection;

/** For an answer that closes its connection and comes past every hook. To be called before anything is waited for. */
export function carryOutNothingBehind(request: FastifyRequest): void {
  connectionOf(request)[isClosing] = true;
}

/**
 * Carries out the requests of one connection one after another (RFC 9112, section 9.3.2), and none behind an answer that
 * closes it (9.6). Node runs all that have arrived at the same time, in no order, and those behind the last answer with
 * no one to tell of it.
 */
export function carryOutInOrder(instance: FastifyInstance): void {
  instance.addHook('onRequest', (request, reply, done) => {
    const connection = connectionOf(request);
    const before = connection[newest];
    connection[newest] = reply.raw;
    const carryOut = () => {
      if (connection[isClosing] || !connection.writable) reply.hijack();
      else done();
    };
    if (before && !before.writableFinished) before.once('close', carryOut);
    else carryOut();
  });
  instance.addHook('onSend', (request, reply, payload, done) => {
    if (reply.getHeader('connection') === 'close') carryOutNothingBehind(request);
    done(null, payload);
  });
  instance.addHook('onResponse', (request, reply, done) => {
    const connection = connectionOf(request);
    if (connection[newest] === reply.raw) connection[newest] = undefined;
    done();
  });
}
