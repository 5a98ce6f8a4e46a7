const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C Trace Context, version 00 and what later ones have in common with it. */
export const isTraceparent = (value: unknown): value is string =>
  typeof value === 'string' && TRACEPARENT.test(value);

/** The trace that an event belongs to, by its metadata as it stands in the log. */
export function traceparentIn(metadata: string): string | undefined {
  if (!metadata.includes('"traceparent"')) return undefined;
  const { traceparent } = JSON.parse(metadata) as { traceparent?: unknown };
  return isTraceparent(traceparent) ? traceparent : undefined;
}
