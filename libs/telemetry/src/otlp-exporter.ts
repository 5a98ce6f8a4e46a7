import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Exporter, SpanOptions, TraceSpan, TracingSettings } from './tracing.js';

const SEND_EVERY_MS = 1_000;
const SEND_WITHIN_MS = 5_000;
/** Spans that wait to be sent; beyond it they are dropped. */
const MAX_WAITING = 8_192;

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Loaded only where there is an endpoint. */
export function otlpExporter(settings: TracingSettings & { readonly endpoint: string }): Exporter {
  const { endpoint, share, service, version, failed } = settings;
  const silent = () => undefined;
  diag.setLogger(
    { error: failed, warn: silent, info: silent, debug: silent, verbose: silent },
    DiagLogLevel.ERROR,
  );
  const sender = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: SEND_WITHIN_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: rootSampler(share) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: sender,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: SEND_WITHIN_MS,
        maxQueueSize: MAX_WAITING,
      }),
    ],
  });
  const tracer = provider.getTracer('signoff', version);
  return {
    start(name, { kind = 'internal', parent, links, attributes, startedAt }: SpanOptions) {
      const context =
        parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
      const span = tracer.startSpan(
        name,
        {
          kind: KINDS[kind],
          attributes,
          startTime: startedAt,
          links: links?.().map((link) => ({ context: contextOf(link) })),
        },
        context,
      );
      return traceSpan(span);
    },
    stop: () => provider.shutdown(),
  };
}

function rootSampler(share: number) {
  if (share === 1) return new AlwaysOnSampler();
  return share === 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(share);
}

function traceSpan(span: Span): TraceSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags & TraceFlags.SAMPLED ? '01' : '00'}`,
    set: (attributes) => void span.setAttributes(attributes),
    fail: (code) => void span.setAttributes({ 'error.type': code }).setStatus({ code: SpanStatusCode.ERROR }),
    end: () => span.end(),
  };
}

function contextOf(traceparent: string): SpanContext {
  const [, traceId, spanId, flags] = traceparent.split('-') as [string, string, string, string];
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}
