import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MAX_URL_LENGTH } from './connection-limits.js';
import { RequestError } from './request-error.js';

/** Where one is wrong, it is not known where the next begins. */
const CLOSE = { connection: 'close' };
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** Refuses what Node would let pass, or answer without a word. */
export function refuseOddRequests(instance: FastifyInstance): void {
  const { server } = instance;
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    server.emit('request', request, response),
  );
  instance.addHook('onRequest', (request, _reply, done) => done(oddityOf(request)));
}

/** Why a request is odd; undefined when it is not. */
export function oddityOf({ raw }: FastifyRequest): RequestError | undefined {
  const { headers, httpVersion, url = '' } = raw;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return new RequestError('REQUEST_MALFORMED', 'this takes HTTP/1.1 and HTTP/1.0', CLOSE);
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    return new RequestError('REQUEST_MALFORMED', 'the Host header is missing', CLOSE);
  }
  if (headers.expect !== undefined && !CONTINUE.test(headers.expect)) {
    return new RequestError('EXPECTATION_UNSUPPORTED', 'nothing but 100-continue can be expected');
  }
  return url.length > MAX_URL_LENGTH
    ? new RequestError('URL_TOO_LONG', `the URL is longer than ${MAX_URL_LENGTH} characters`)
    : undefined;
}
