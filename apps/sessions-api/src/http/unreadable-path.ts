import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics.js';
import { setAnswerHeaders } from './answer-headers.js';
import { addressesOf } from './client-address.js';
import { oddityOf } from './odd-requests.js';
import { carryOutNothingBehind } from './pipelines.js';
import type { ProblemFilter } from './problem.filter.js';
import type { RateLimit } from './rate-limits.js';

const ROUTE = 'unreadable';

interface Parts {
  readonly problems: ProblemFilter;
  readonly metrics: Metrics;
  readonly limit: RateLimit | undefined;
  readonly isTrusted: (address: string) => boolean;
}

/** A path that Fastify cannot read comes past every hook and filter: what they do for others is done here. */
export function refuseUnreadablePath(
  unreadable: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  { problems, metrics, limit, isTrusted }: Parts,
): void {
  const startedAt = performance.now();
  const odd = oddityOf(request);
  if (odd?.headers?.connection === 'close') {
    carryOutNothingBehind(request);
    reply.header('connection', 'close');
  }
  reply.raw.once('finish', () =>
    metrics.answered(request.method, ROUTE, reply.statusCode, (performance.now() - startedAt) / 1_000),
  );
  setAnswerHeaders(request, reply);
  // Fastify makes this request without regard to `trustProxy`.
  Object.defineProperty(request, 'ips', { value: addressesOf(request.raw, isTrusted) });
  try {
    limit?.(request, reply);
    problems.answer(odd ?? unreadable, request, reply);
  } catch (error) {
    problems.answer(error, request, reply);
  }
}
