import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Shorter than any API key or session credential. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * The caller's own `X-Request-Id`, or a new one. It goes into answers, log lines and the metadata of events: what
 * strayed into it from the `Authorization` header is not taken.
 */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) && !headers.authorization?.includes(given)
    ? given
    : randomUUID();
}
