type Attributes = Readonly<Record<string, string | number>>;

export interface SpanOptions {
  readonly kind?: 'internal' | 'server' | 'producer' | 'consumer';
  /** The `traceparent` that it continues; without one it begins a trace. */
  readonly parent?: string;
  /** Other traces that it works for. */
  readonly links?: () => readonly string[];
  readonly attributes?: Attributes;
  /** Milliseconds since 1970; now, when left out. */
  readonly startedAt?: number;
}

/** Never told: what is personal or secret, nor the text of an error, which may quote it. */
export interface TraceSpan {
  readonly traceparent: string;
  set(attributes: Attributes): void;
  /** Marks it as failed, by a code. */
  fail(code: string): void;
  end(): void;
}

export interface TracingSettings {
  /** OTLP over HTTP: spans are sent to `<endpoint>/v1/traces`. Without it nothing is traced, and no SDK is loaded. */
  readonly endpoint: string | undefined;
  /** Of the traces that begin here, how many are recorded: 0 to 1. Others are recorded when who began them says so. */
  readonly share: number;
  readonly service: string;
  readonly version: string;
  /** Hears why spans could not be sent. */
  readonly failed: (reason: string) => void;
}

export interface Exporter {
  start(name: string, options: SpanOptions): TraceSpan;
  /** Sends what was not sent yet. */
  stop(): Promise<void>;
}

const LAST_WORDS_MS = 2_000;

let exporter: Exporter | undefined;

/** Before the first span. */
export async function startTracing({ endpoint, ...settings }: TracingSettings): Promise<void> {
  if (endpoint === undefined) return;
  const { otlpExporter } = await import('./otlp-exporter.js');
  exporter = otlpExporter({ ...settings, endpoint });
}

export async function stopTracing(): Promise<void> {
  const tooLate = new Promise<void>((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref());
  await Promise.race([exporter?.stop().catch(() => undefined), tooLate]);
}

export const isTracing = (): boolean => exporter !== undefined;

/** Undefined when nothing is traced. */
export const startSpan = (name: string, options: SpanOptions = {}): TraceSpan | undefined =>
  exporter?.start(name, options);

interface InSpan {
  /** What to hand on: that of the span, or, when nothing is traced, what came in as `parent`. */
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
}

/** Runs in a span of its own. An error by whose `code` somebody was refused is no failure: `refuses` tells. */
export function inSpan<Result>(
  name: string,
  options: SpanOptions & { readonly refuses?: (error: unknown) => boolean },
  run: (span: InSpan) => Promise<Result>,
): Promise<Result> {
  const span = startSpan(name, options);
  return span
    ? runIn(span, run, options.refuses)
    : run({ traceparent: options.parent, set: () => undefined });
}

async function runIn<Result>(
  span: TraceSpan,
  run: (span: InSpan) => Promise<Result>,
  refuses?: (error: unknown) => boolean,
): Promise<Result> {
  try {
    return await run(span);
  } catch (error) {
    if (refuses?.(error)) span.set({ 'signoff.refusal': codeOf(error) });
    else span.fail(codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

function codeOf(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}
