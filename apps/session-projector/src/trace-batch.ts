import { isTracing, startSpan } from '#telemetry/tracing.js';
import type { ProjectedEvent } from './projection.js';

const MAX_TRACES = 128;

/**
 * Continues the traces whose events were applied together: one span each, though a batch is applied but once, so that a
 * trace shows when the read model had its events. Beyond 128 traces in a batch, the rest get none.
 */
export function traceBatch(applied: readonly ProjectedEvent[], startedAt: number): void {
  if (!isTracing()) return;
  const traces = new Map<string, ProjectedEvent[]>();
  for (const event of applied) {
    const { traceparent } = event;
    if (traceparent === undefined) continue;
    const events = traces.get(traceparent);
    if (events) events.push(event);
    else if (traces.size < MAX_TRACES) traces.set(traceparent, [event]);
  }
  for (const [parent, events] of traces) {
    startSpan('project', {
      kind: 'consumer',
      parent,
      startedAt,
      attributes: {
        'signoff.events': events.length,
        'signoff.position': events.at(-1)!.position,
        'signoff.batch_events': applied.length,
      },
    })?.end();
  }
}
