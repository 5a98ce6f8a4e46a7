import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.js';

/** Every answer counts under its route's template: what is not routed shares one. */
export function observeAnswers(instance: FastifyInstance, metrics: Metrics): void {
  instance.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
}
