import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics.js';

declare module 'fastify' {
  interface FastifyRequest {
    routeTemplate: string | undefined;
  }
}

/** What is not routed shares one name: a path may say anything. */
export const NOT_ROUTED = 'none';

/** The template of a request's route. Kept, since Fastify gathers all that it knows of a route each time it is asked. */
export const routeOf = (request: FastifyRequest): string =>
  (request.routeTemplate ??= request.routeOptions.url ?? NOT_ROUTED);

/** Every answer counts under its route's template. */
export function observeAnswers(instance: FastifyInstance, metrics: Metrics): void {
  instance.decorateRequest('routeTemplate', undefined);
  instance.addHook('onResponse', (request, reply, done) => {
    metrics.answered(request.method, routeOf(request), reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
