import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics.js';

/** What is not routed shares one name: a path may say anything. */
export const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'none';

/** Every answer counts under its route's template. */
export function observeAnswers(instance: FastifyInstance, metrics: Metrics): void {
  instance.addHook('onResponse', (request, reply, done) => {
    metrics.answered(request.method, routeOf(request), reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
