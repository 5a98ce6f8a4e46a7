import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { openConnection, RECONNECT_MS } from '../open-connection.js';
import { NAME, ProtocolError, readMessage, STREAM, type Revocation } from '../protocol.js';
import { invalidOption } from '../revocations-error.js';
import { copyHeaders, deadSubject, FAILURE, failureText, TRIES } from './dead-letters.js';
import { ANSWER_WITHIN_MS, events, replays, work } from './work.js';

export interface ForgetOptions {
  /** Where NATS is, and how to get in: `servers`, `user`, `pass`, `tls`, … of `@nats-io/transport-node`. */
  readonly nats: NodeConnectionOptions;
  /** What JetStream's API begins with in the account of your user, where that is another one than Signoff's. `$JS.API` by default. */
  readonly jetStreamPrefix?: string;
  /** The name of your service: 1 to 48 letters, digits, `_` and `-`. */
  readonly service: string;
  /**
   * Deletes what you keep of the session. It is called at least once for each revocation, in any order, by any of your
   * processes. To throw is to have it called again, later.
   */
  readonly forget: (revocation: Revocation) => unknown;
  /** After so many in vain it becomes a dead letter. 10 by default. */
  readonly tries?: number;
  /** Milliseconds to wait after the `tried`th time. By default 1,000, doubled each time, 5 minutes at most. */
  readonly delay?: (tried: number) => number;
  /** How many may be in hand at a time, in this process. 8 by default. */
  readonly atOnce?: number;
  /**
   * The name of the consumer that your processes share, of the same characters as `service`; `forget-<service>` by default.
   * Who knows it and may use consumers of the stream can disturb it.
   */
  readonly consumer?: string;
  /** To log it, or count it. What it throws is not caught. */
  readonly onTrouble?: (trouble: Trouble) => void;
}

export type Trouble =
  /** `forget` threw, and will be called again. */
  | ({ readonly kind: 'failed' } & Failure)
  /** It was tried often enough, and has become a dead letter. */
  | ({ readonly kind: 'dead-letter' } & Failure)
  /** NATS, the stream or what is asked of it is not there. It is tried again until it is. */
  | { readonly kind: 'unreachable'; readonly error: unknown };

interface Failure {
  /** Undefined when what came was none. */
  readonly revocation: Revocation | undefined;
  readonly tries: number;
  readonly error: unknown;
}

export interface Forgetting {
  /** Waits for what is in hand, ten seconds at most, and disconnects. */
  close(): Promise<void>;
}

const TRIES_BY_DEFAULT = 10;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;
const AT_ONCE = 8;
/** How many times as often as it may fail it may be given to processes that die before they answer, of it or with it. */
const UNANSWERED = 3;
const LAST_WORDS_MS = 2_000;
/** What takes longer when we close will come again, to another process. */
const IN_HAND_MS = 10_000;

const doubled = (tried: number) => Math.min(FIRST_DELAY_MS * 2 ** (tried - 1), LONGEST_DELAY_MS);

/**
 * For services that keep sessions in a store of their own, which all their processes share: tells one of them of each
 * revocation, at least once, and goes on trying whatever is away. It returns at once.
 *
 *     delivered ─► forget ─► acknowledged
 *         ▲          │ throws
 *         └─ delay ◄─┤ tries left
 *                    └ none left ─► stored as a dead letter ─► acknowledged
 *
 * A process may die at any arrow: what is not acknowledged comes again.
 *
 * @throws RevocationsError `OPTIONS_INVALID`
 */
export function forgetSessions(options: ForgetOptions): Forgetting {
  return new SharedForgetting(options);
}

class SharedForgetting implements Forgetting {
  private readonly consumer: string;
  private readonly tries: number;
  private readonly atOnce: number;
  private readonly delay: (tried: number) => number;
  private readonly stop = new AbortController();
  private readonly inHand = new Set<Promise<void>>();
  private readonly running: Promise<void>;

  constructor(private readonly options: ForgetOptions) {
    const { service, tries = TRIES_BY_DEFAULT, atOnce = AT_ONCE, delay = doubled } = options;
    const { consumer = `forget-${service}` } = options;
    if (!NAME.test(service)) throw invalidOption('service', service);
    if (!/^[\w-]{1,100}$/.test(consumer)) throw invalidOption('consumer', consumer);
    if (!(Number.isSafeInteger(tries) && tries >= 1)) throw invalidOption('tries', tries);
    if (!(Number.isSafeInteger(atOnce) && atOnce >= 1)) throw invalidOption('atOnce', atOnce);
    if (typeof options.forget !== 'function') throw invalidOption('forget', options.forget);
    this.consumer = consumer;
    this.tries = tries;
    this.atOnce = atOnce;
    this.delay = delay;
    this.running = this.run();
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    const { service, nats, jetStreamPrefix } = this.options;
    while (!signal.aborted) {
      try {
        const connection = await openConnection({ name: `forget-${service}`, ...nats }, signal);
        const take = (message: JsMsg) => this.take(message, connection);
        const sources = [events(this.consumer), replays(service, this.consumer)];
        await Promise.all(
          sources.map((one) =>
            work(one, { connection, jetStreamPrefix, signal, take, failed: this.unreachable }),
          ),
        );
        await Promise.race([Promise.all(this.inHand), sleep(IN_HAND_MS, undefined, { ref: false })]);
        await Promise.race([connection.drain(), sleep(LAST_WORDS_MS)]);
        await connection.close();
      } catch (error) {
        if (signal.aborted) return;
        this.unreachable(error);
        await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private readonly unreachable = (error: unknown) => this.tell({ kind: 'unreachable', error });

  private tell(trouble: Trouble): void {
    queueMicrotask(() => this.options.onTrouble?.(trouble));
  }

  /** Resolves when there is room for another, or none is wanted any more. */
  private async take(message: JsMsg, connection: NatsConnection): Promise<void> {
    const done = this.handle(message, connection).finally(() => this.inHand.delete(done));
    this.inHand.add(done);
    const { signal } = this.stop;
    if (this.inHand.size < this.atOnce || signal.aborted) return;
    const settled = new AbortController();
    const closed = once(signal, 'abort', { signal: settled.signal });
    await Promise.race([closed, ...this.inHand]).finally(() => settled.abort());
  }

  private async handle(message: JsMsg, connection: NatsConnection): Promise<void> {
    const { deliveryCount } = message.info;
    const answer = (say: () => void) => {
      try {
        say();
      } catch {
        // The connection is closing, or there is no delay to be had: it will come again.
      }
    };
    const busy = setInterval(() => answer(() => message.working()), ANSWER_WITHIN_MS / 3);
    busy.unref();
    let revocation: Revocation | undefined;
    try {
      revocation = revocationOf(message);
      if (deliveryCount > this.tries * UNANSWERED) throw new Error('no process that had it gave an answer');
      await this.options.forget(revocation);
      answer(() => message.ack());
    } catch (error) {
      const isDead = deliveryCount >= this.tries && (await this.bury(message, connection, error));
      if (isDead) answer(() => message.ack());
      else answer(() => message.nak(this.delay(deliveryCount)));
      this.tell({ kind: isDead ? 'dead-letter' : 'failed', revocation, tries: deliveryCount, error });
    } finally {
      clearInterval(busy);
    }
  }

  /**
   * Whether the letter is stored. Without `Nats-Msg-Id`: a letter that was replayed and has died again would be taken for
   * one that is there already.
   */
  private async bury(message: JsMsg, connection: NatsConnection, error: unknown): Promise<boolean> {
    const failure = failureText(error);
    const headers = copyHeaders(message.headers, {
      [TRIES]: String(message.info.deliveryCount),
      [FAILURE]: failure,
    });
    try {
      await jetstream(connection).publish(deadSubject(this.options.service), message.data, { headers });
      return true;
    } catch (unstored) {
      this.unreachable(unstored);
      return false;
    }
  }
}

function revocationOf(message: JsMsg): Revocation {
  const { log: _, ...revocation } = readMessage(message.data, message.headers?.get('Signoff-Log'));
  if (message.info.stream === STREAM && revocation.position !== message.seq) {
    throw new ProtocolError(`event ${revocation.position} stands at ${message.seq} in the stream`);
  }
  return revocation;
}
