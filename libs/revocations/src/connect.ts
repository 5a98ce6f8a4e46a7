import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { nuid, type NodeConnectionOptions } from '@nats-io/transport-node';
import type { Subscriber } from './api.js';
import { Follower } from './follower.js';
import { KeySet } from './key-set.js';
import { openConnection, RECONNECT_MS } from './open-connection.js';
import { NAME, type Revocation } from './protocol.js';
import { invalidOption, RevocationsError, type StaleCause } from './revocations-error.js';
import type { Revocations, VerifiedSession } from './revocations.js';
import { SessionVerifier } from './session-verifier.js';

export interface ConnectOptions {
  /** Where NATS is, and how to get in: `servers`, `user`, `pass`, `tls`, … of `@nats-io/transport-node`. */
  readonly nats: NodeConnectionOptions;
  /** What JetStream's API begins with in the account of your user, where that is another one than Signoff's. `$JS.API` by default. */
  readonly jetStreamPrefix?: string;
  /** The name of your service: 1 to 48 letters, digits, `_` and `-`. */
  readonly service: string;
  /**
   * The name of this process among those of the service, of the same characters: where a revocation is not in effect yet, the
   * API says so by this name. By default the host's name and the process id.
   */
  readonly instance?: string;
  /** Milliseconds, from 500 to a day. 30,000 by default; 5,000 is strict. */
  readonly maxStaleness?: number;
  /**
   * What to do about sessions that are not known to be ended when something may be missing: `refuse` throws
   * `REVOCATIONS_STALE` (by default), `allow` takes them for alive.
   */
  readonly policy?: 'refuse' | 'allow';
  /** The API's key set, `https://…/.well-known/jwks.json`. `verifySession` needs it. */
  readonly jwks?: string | URL;
  /** `iss` of the credentials: the API's `ISSUER`. `signoff` by default. */
  readonly issuer?: string;
  /** `aud` that the credentials must have: the API's `AUDIENCE`. Not looked at by default. */
  readonly audience?: string;
}

const MAX_STALENESS_MS = 30_000;
const LEAST_STALENESS_MS = 500;
const MOST_STALENESS_MS = 86_400_000;
const ASK_EACH_MS = 1_000;
const LONGEST_PATIENCE_MS = 10_000;
const LAST_WORDS_MS = 1_000;

/**
 * Follows the revocations of a Signoff until it is closed, and keeps trying whatever is away: NATS, the stream, the API. It
 * returns at once; `ready()` tells when everything is there.
 *
 * @throws RevocationsError `OPTIONS_INVALID`
 */
export function connect(options: ConnectOptions): Revocations {
  return new ConnectedRevocations(options);
}

class ConnectedRevocations implements Revocations {
  private readonly maxStaleness: number;
  private readonly allows: boolean;
  private readonly subscriber: Subscriber;
  private readonly follower: Follower;
  private readonly verifier: SessionVerifier | undefined;
  private readonly callbacks = new Set<(revocation: Revocation) => void>();
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private readonly stop = new AbortController();
  private closed = false;
  private readonly running: Promise<void>;

  constructor(private readonly options: ConnectOptions) {
    const {
      service,
      instance = defaultInstance(),
      maxStaleness = MAX_STALENESS_MS,
      policy = 'refuse',
    } = options;
    if (!NAME.test(service)) throw invalidOption('service', service);
    if (!NAME.test(instance)) throw invalidOption('instance', instance);
    if (!(maxStaleness >= LEAST_STALENESS_MS && maxStaleness <= MOST_STALENESS_MS)) {
      throw invalidOption('maxStaleness', maxStaleness);
    }
    if (policy !== 'refuse' && policy !== 'allow') throw invalidOption('policy', policy);
    this.maxStaleness = maxStaleness;
    this.allows = policy === 'allow';
    this.verifier = this.makeVerifier();
    this.subscriber = { service, instance, bootId: nuid.next(), maxStaleness, policy };
    this.follower = new Follower(
      this.subscriber,
      Math.min(ASK_EACH_MS, maxStaleness / 3),
      Math.min(LONGEST_PATIENCE_MS, maxStaleness),
      options.jetStreamPrefix,
    );
    this.follower.onRenewed = () => this.tellReady();
    this.follower.onRevoked = (revocation) => this.tellRevoked(revocation);
    this.running = this.run();
  }

  get position(): number {
    return this.follower.position;
  }

  get size(): number {
    return this.follower.set.size;
  }

  staleness(): number {
    return this.follower.staleness();
  }

  isRevoked(sessionId: string): boolean {
    if (this.closed) throw closedError();
    if (this.holds(sessionId)) return true;
    if (!this.allows && !this.isFresh()) throw this.staleError();
    return false;
  }

  async verifySession(credential: string): Promise<VerifiedSession> {
    if (this.closed) throw closedError();
    if (!this.verifier) throw invalidOption('jwks', undefined);
    const session = await this.verifier.verify(credential);
    const { sessionId } = session;
    if (this.isRevoked(sessionId)) {
      throw new RevocationsError('SESSION_REVOKED', `${sessionId} was ended`, { sessionId });
    }
    return session;
  }

  ready(): Promise<void> {
    if (this.closed) return Promise.reject(closedError());
    if (this.isFresh()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  onRevoked(callback: (revocation: Revocation) => void): () => void {
    this.callbacks.add(callback);
    return () => void this.callbacks.delete(callback);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stop.abort();
    this.follower.close();
    for (const { reject } of this.waiting.splice(0)) reject(closedError());
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      try {
        const connection = await openConnection(natsOptions(this.subscriber, this.options.nats), signal);
        await this.follower.run(connection);
        // What is left to say is that consumer and registration are not needed any more.
        await Promise.race([connection.drain(), sleep(LAST_WORDS_MS)]);
        await connection.close();
      } catch (error) {
        this.follower.lastError = error;
        await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** `Infinity` is never fresh, and neither is `NaN`. */
  private isFresh(): boolean {
    return this.follower.staleness() <= this.maxStaleness;
  }

  private holds(sessionId: string): boolean {
    try {
      return this.follower.set.has(sessionId);
    } catch (cause) {
      throw new RevocationsError('SESSION_ID_INVALID', (cause as Error).message, cause);
    }
  }

  private makeVerifier(): SessionVerifier | undefined {
    const { jwks, issuer = 'signoff', audience } = this.options;
    if (jwks === undefined) return undefined;
    if (!URL.canParse(String(jwks))) throw invalidOption('jwks', jwks);
    const keys = new KeySet(new URL(jwks));
    // PostgreSQL's time as well: revocations are dropped by that, so a slow clock here must not revive what they were about.
    return new SessionVerifier({
      keys,
      issuer,
      audience,
      now: () => Math.max(Date.now(), this.follower.serverTime()),
    });
  }

  private tellReady(): void {
    if (this.waiting.length === 0 || !this.isFresh()) return;
    for (const { resolve } of this.waiting.splice(0)) resolve();
  }

  private tellRevoked(revocation: Revocation): void {
    for (const callback of this.callbacks) {
      try {
        callback(revocation);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  private staleError(): RevocationsError {
    const { maxStaleness } = this;
    const facts = { staleness: this.staleness(), maxStaleness, lastError: this.follower.lastError };
    return new RevocationsError(
      'REVOCATIONS_STALE',
      'a revocation may be missing',
      facts satisfies StaleCause,
    );
  }
}

const natsOptions = ({ service, instance }: Subscriber, nats: NodeConnectionOptions) => ({
  name: `revocations-${service}-${instance}`,
  ...nats,
});

/** The host's name with what NATS does not take replaced, and the process id. */
const defaultInstance = () =>
  `${hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 40)}-${process.pid}`;

const closedError = () => new RevocationsError('REVOCATIONS_CLOSED', 'it was closed', { closed: true });
