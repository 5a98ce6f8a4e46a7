import type { ServerOptions } from 'node:http';

const KIB = 1_024;

/**
 * How much, and for how long, anyone may keep a connection busy. A head has to be complete within 10 s of its first byte
 * (of the connection's start, for the first), the whole request within 20 s, looked at each second. A connection on which
 * nothing moves for a minute is closed, two where the client does not fetch an answer. Between requests it may rest for
 * 72 s: longer than the usual 60 s of a load balancer, which would otherwise send a request into a connection that we
 * close.
 */
export const connectionLimits = {
  bodyLimit: 64 * KIB,
  requestTimeout: 20_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 72_000,
  http: {
    // The request line counts too.
    maxHeaderSize: 16 * KIB,
    headersTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    // A request without one is refused by us, with a problem.
    requireHostHeader: false,
  } satisfies ServerOptions,
};

/** The longest of our own is 1.6 KiB, with every character of an account id percent-encoded. */
export const MAX_URL_LENGTH = 4 * KIB;
