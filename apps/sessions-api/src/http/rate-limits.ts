import { hash, randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { clientAddress, networkOf } from './client-address.js';
import { NOT_ROUTED, routeOf } from './observe.js';
import { RequestError } from './request-error.js';

const WINDOW_SECONDS = 60;
const KEPT_COUNTERS = 20_000;

/** What orchestrators ask, however much else comes from the same address. */
const NOT_COUNTED = '/health/';
const COUNTED_BY_CREDENTIAL = '/api/';

interface Counted {
  readonly remaining: number;
  readonly ttlInSeconds: number;
  readonly isExceeded: boolean;
}

/** Counts a request, tells its sender how many are left, and throws when there are none. */
export type RateLimit = (request: FastifyRequest, reply: FastifyReply) => void;

/** Counts a question on NATS by who may ask there and by its credential, and throws when there are none left of either. */
export type LimitQuestion = (caller: string, authorization: string | undefined) => void;

export interface RateLimits {
  readonly ofRequest: RateLimit;
  readonly ofQuestion: LimitQuestion;
}

/**
 * Counts the requests of each credential and of each client address, in this process and in windows of a minute, and
 * refuses those beyond `perMinute` of either before anything is looked up for them. Paths that do not exist count as well.
 * A credential is never kept: its counter is found by a hash, salted for this process. Of each kind `kept` counters are
 * remembered; the one that rests the longest gives way. Answers how to count what comes past the hooks. On NATS the name
 * that a caller may ask by stands for the address, and a credential is the same one on both ways.
 */
export function limitRates(instance: FastifyInstance, perMinute: number, kept = KEPT_COUNTERS): RateLimits {
  const salt = randomBytes(16).toString('hex');
  const countAddress = counters(perMinute, kept);
  const countCaller = counters(perMinute, kept);
  const countSecret = counters(perMinute, kept);
  const countCredential = (authorization: string) =>
    countSecret(hash('sha256', salt + credentialIn(authorization)));
  const policies = { address: policy('address', perMinute), credential: policy('credential', perMinute) };

  const ofRequest: RateLimit = (request, reply) => {
    const route = routeOf(request);
    if (route.startsWith(NOT_COUNTED)) return;
    const byCredential = route.startsWith(COUNTED_BY_CREDENTIAL) || route === NOT_ROUTED;
    const address = countAddress(networkOf(clientAddress(request)));
    if (!byCredential || !request.headers.authorization || address.isExceeded) {
      reply.header('ratelimit-policy', policies.address).header('ratelimit', left('address', address));
    } else {
      const credential = countCredential(request.headers.authorization);
      reply
        .header('ratelimit-policy', `${policies.address}, ${policies.credential}`)
        .header('ratelimit', `${left('address', address)}, ${left('credential', credential)}`);
      refuseBeyond('credential', credential);
    }
    refuseBeyond('address', address);
  };
  const ofQuestion: LimitQuestion = (caller, authorization) => {
    refuseBeyond('caller', countCaller(caller));
    if (authorization) refuseBeyond('credential', countCredential(authorization));
  };
  instance.addHook('onRequest', (request, reply, done) => {
    ofRequest(request, reply);
    done();
  });
  return { ofRequest, ofQuestion };
}

/** Counts one more of what has this key, in a window that began with its first. */
function counters(perMinute: number, kept: number): (key: string) => Counted {
  const windows = new LRUCache<string, { count: number; readonly endsAt: number }>({ max: kept });
  return (key) => {
    const now = performance.now();
    let window = windows.get(key);
    if (!window || window.endsAt <= now) {
      window = { count: 0, endsAt: now + WINDOW_SECONDS * 1_000 };
      windows.set(key, window);
    }
    window.count++;
    return {
      remaining: Math.max(0, perMinute - window.count),
      ttlInSeconds: Math.ceil((window.endsAt - now) / 1_000),
      isExceeded: window.count > perMinute,
    };
  };
}

/** What follows the scheme: more blanks before it do not make it another one. */
const credentialIn = (authorization: string) => authorization.slice(authorization.lastIndexOf(' ') + 1);

/** draft-ietf-httpapi-ratelimit-headers-10. */
const policy = (name: string, perMinute: number) => `"${name}";q=${perMinute};w=${WINDOW_SECONDS}`;
const left = (name: string, { remaining, ttlInSeconds }: Counted) =>
  `"${name}";r=${remaining};t=${ttlInSeconds}`;

function refuseBeyond(name: string, { isExceeded, ttlInSeconds }: Counted): void {
  if (!isExceeded) return;
  throw new RequestError('RATE_LIMITED', `too many requests of this ${name}`, {
    'retry-after': String(ttlInSeconds),
  });
}
