import { isTraceparent } from '#telemetry/traceparent.js';
import { isTracing, startSpan, type TraceSpan } from '#telemetry/tracing.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { routeOf } from './observe.js';

/** What orchestrators ask the whole day. */
const NOT_TRACED = /^\/(health|metrics)\b/;

const spans = new WeakMap<FastifyRequest, TraceSpan>();

/** Each request gets a span, under the template of its route: it continues the trace that the request came with. */
export function traceRequests(instance: FastifyInstance): void {
  if (!isTracing()) return;
  instance.addHook('onRequest', (request, _reply, done) => {
    const route = routeOf(request);
    if (NOT_TRACED.test(route)) return done();
    const span = startSpan(`${request.method} ${route}`, {
      kind: 'server',
      parent: given(request),
      attributes: {
        'http.request.method': request.method,
        'http.route': route,
        'signoff.request_id': request.id,
      },
    });
    spans.set(request, span!);
    done();
  });
  instance.addHook('onResponse', async (request, { statusCode }) => {
    const span = spans.get(request);
    span?.set({ 'http.response.status_code': statusCode });
    if (statusCode >= 500) span?.fail(String(statusCode));
    span?.end();
  });
}

/** Of the request's span; when nothing is traced, what the request came with. */
export const traceparentOf = (request: FastifyRequest): string | undefined =>
  spans.get(request)?.traceparent ?? given(request);

function given({ headers }: FastifyRequest): string | undefined {
  const { traceparent } = headers;
  return isTraceparent(traceparent) ? traceparent : undefined;
}
