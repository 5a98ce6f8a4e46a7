import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MAX_URL_LENGTH } from './connection-limits.js';
import { RequestError } from './request-error.js';

const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** Refuses what Node would let pass, or answer without a word. */
export function refuseOddRequests(instance: FastifyInstance): void {
  const { server } = instance;
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    server.emit('request', request, response),
  );
  instance.addHook('onRequest', (request, _reply, done) => done(refusalOf(request)));
}

function refusalOf({ raw }: FastifyRequest): RequestError | undefined {
  const { headers, httpVersionMinor, url = '' } = raw;
  if (headers.host === undefined && httpVersionMinor === 1) {
    return new RequestError('REQUEST_MALFORMED', 'the Host header is missing');
  }
  if (headers.expect !== undefined && !CONTINUE.test(headers.expect)) {
    return new RequestError('EXPECTATION_UNSUPPORTED', 'nothing but 100-continue can be expected');
  }
  return url.length > MAX_URL_LENGTH
    ? new RequestError('URL_TOO_LONG', `the URL is longer than ${MAX_URL_LENGTH} characters`)
    : undefined;
}
