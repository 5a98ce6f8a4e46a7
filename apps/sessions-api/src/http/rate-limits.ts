import { hash, randomBytes } from 'node:crypto';
import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { clientAddress, networkOf } from './client-address.js';
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
export type RateLimit = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Counts a question on NATS by who may ask there and by its credential, and throws when there are none left of either. */
export type LimitQuestion = (caller: string, authorization: string | undefined) => Promise<void>;

export interface RateLimits {
  readonly ofRequest: RateLimit;
  readonly ofQuestion: LimitQuestion;
}

/** As much of a request as a counter looks at. */
type Asked = Pick<FastifyRequest, 'routeOptions' | 'headers'>;
const NO_ROUTE = {} as FastifyRequest['routeOptions'];

/**
 * Counts the requests of each credential and of each client address, in this process and in windows of a minute, and
 * refuses those beyond `perMinute` of either before anything is looked up for them. Paths that do not exist count as well.
 * A credential is never kept: its counter is found by a hash, salted for this process. Of each kind `kept` counters are
 * remembered; the one that rests the longest gives way. Answers how to count what comes past the hooks. On NATS the name
 * that a caller may ask by stands for the address, and a credential is the same one on both ways.
 */
export async function limitRates(
  instance: FastifyInstance,
  perMinute: number,
  kept = KEPT_COUNTERS,
): Promise<RateLimits> {
  const salt = randomBytes(16).toString('hex');
  await instance.register(rateLimit, { global: false });
  const counter = <Counting extends Asked>(keyGenerator: (asked: Counting) => string) => {
    const settings = { keyGenerator, max: perMinute, timeWindow: WINDOW_SECONDS * 1_000, cache: kept };
    const count = instance.createRateLimit(settings as unknown as CreateRateLimitOptions);
    return count as unknown as (asked: Counting) => Promise<Counted>;
  };
  const ofAddress = counter((request: FastifyRequest) => networkOf(clientAddress(request)));
  const ofCaller = counter(({ caller }: Asked & { readonly caller: string }) => caller);
  const ofCredential = counter(({ headers }) => hash('sha256', salt + credentialIn(headers.authorization!)));
  const policies = { address: policy('address', perMinute), credential: policy('credential', perMinute) };

  const ofRequest: RateLimit = async (request, reply) => {
    const path = request.routeOptions.url ?? COUNTED_BY_CREDENTIAL;
    if (path.startsWith(NOT_COUNTED)) return;
    const address = await ofAddress(request);
    if (!path.startsWith(COUNTED_BY_CREDENTIAL) || !request.headers.authorization || address.isExceeded) {
      reply.header('ratelimit-policy', policies.address).header('ratelimit', left('address', address));
    } else {
      const credential = await ofCredential(request);
      reply
        .header('ratelimit-policy', `${policies.address}, ${policies.credential}`)
        .header('ratelimit', `${left('address', address)}, ${left('credential', credential)}`);
      refuseBeyond('credential', credential);
    }
    refuseBeyond('address', address);
  };
  const ofQuestion: LimitQuestion = async (caller, authorization) => {
    const asked = { caller, headers: { authorization }, routeOptions: NO_ROUTE };
    refuseBeyond('caller', await ofCaller(asked));
    if (authorization) refuseBeyond('credential', await ofCredential(asked));
  };
  instance.addHook('onRequest', ofRequest);
  return { ofRequest, ofQuestion };
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
