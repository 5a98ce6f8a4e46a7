import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Shorter than any API key or session credential. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * The caller's own `X-Request-Id`, or a new one. It goes into answers, log lines and the metadata of events: what
 * authenticates anyone must not stray into them, be it this caller's credential or `secret`, which has no form to be
 * known by.
 */
export const requestIds =
  (secret: string | undefined) =>
  ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
    const given = headers['x-request-id'];
    const isFit =
      typeof given === 'string' &&
      REQUEST_ID.test(given) &&
      given !== secret &&
      !headers.authorization?.includes(given);
    return isFit ? given : randomUUID();
  };
