import { setTimeout as sleep } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import { nuid, type NatsConnection } from '@nats-io/transport-node';
import { Api, type Subscriber } from './api.js';
import { Feed } from './feed.js';
import { HeldNumbers } from './held-numbers.js';
import { Lease } from './lease.js';
import { millisecondsSince, moment, type Moment } from './moment.js';
import {
  consumerName,
  isSameLog,
  ProtocolError,
  readMessage,
  type Head,
  type LogIdentity,
  type Revocation,
} from './protocol.js';
import { RevokedSet } from './revoked-set.js';

const GRACE_MS = 5 * 60_000;
const PAGE = 2_000;
const REOPEN_AFTER_MS = 250;
/** A feed that brings nothing of what is due is replaced, but not sooner. */
const FEED_PATIENCE_MS = 3_000;
/** How long the answer to an open question is worth waiting for when we close. */
const LAST_ANSWER_MS = 1_000;
/** A receipt covers what was applied since the one before: more of them would only be work for whoever reads them. */
const ANNOUNCE_EACH_MS = 10;

/** What is known of one log. */
interface Known {
  readonly log: LogIdentity;
  readonly numbers: HeldNumbers;
  readonly lease: Lease;
  /** How many revocations the latest head counted, up to which position, and what was held then. */
  due: number;
  duePosition: number;
  heldAtHead: number;
  /** How many feeds were begun. */
  feeds: number;
  /** The latest time of PostgreSQL that was heard of, and when that was. */
  time: number;
  timeHeardAt: Moment;
  filling: boolean;
}

/**
 * Holds every revocation of the log that still matters. It has three sources, and trusts none of them to bring everything:
 *
 *     the head, once a second ── how many there are; when all of those are held, the lease is renewed
 *     the feed of the stream ─── first what the stream holds, then each as it happens; a later one only these
 *     pages from the API ─────── what the numbers say is missing, and the feed does not bring
 *
 * Complete is who holds every number above the head's floor. It never gives up.
 */
export class Follower {
  readonly set = new RevokedSet();
  lastError: unknown;
  onRevoked: (revocation: Revocation) => void = () => undefined;
  onRenewed: () => void = () => undefined;

  private known: Known | undefined;
  private feed: Feed | undefined;
  private deliveredAtHead = 0;
  private asked = 0;
  private answered = 0;
  private closed = false;
  private wake = (): void => undefined;
  private api: Api | undefined;
  private announcing = false;
  private unannounced = false;

  constructor(
    private readonly subscriber: Subscriber,
    private readonly askEachMs: number,
    /** How long an answer about the head is worth waiting for. */
    private readonly patienceMs: number,
    private readonly jetStreamPrefix?: string,
  ) {}

  /** Milliseconds since it was certain that nothing was missing; `Infinity` when it never was. */
  staleness(): number {
    return this.known ? this.known.lease.staleness() : Infinity;
  }

  /** Every revocation up to this position of the log is held. */
  get position(): number {
    return this.known ? Math.max(this.known.lease.position, this.known.numbers.position) : 0;
  }

  /** Milliseconds since 1970, never later than PostgreSQL's clock; 0 when nothing is known of it. */
  serverTime(): number {
    return this.known ? this.known.time + millisecondsSince(this.known.timeHeardAt) : 0;
  }

  /** Follows until it is closed, or the connection is; goes on from there with another connection. */
  async run(connection: NatsConnection): Promise<void> {
    this.api = new Api(connection, this.subscriber);
    const open = new Set<Promise<void>>();
    const ask = () => {
      const asked = this.askHead().finally(() => open.delete(asked));
      open.add(asked);
    };
    const asking = setInterval(ask, this.askEachMs);
    const statuses = connection.status() as ReturnType<NatsConnection['status']> & { stop(): void };
    void (async () => {
      for await (const { type } of statuses) if (type === 'reconnect') ask();
    })();
    ask();
    while (!this.closed && !connection.isClosed()) {
      if (this.known) await this.followStream(this.known, connection);
      if (!this.closed) await this.pause(REOPEN_AFTER_MS);
    }
    clearInterval(asking);
    statuses.stop();
    if (!this.closed) return;
    // Behind a sign-off a question would register again.
    await Promise.race([Promise.all(open), sleep(LAST_ANSWER_MS)]);
    await this.api.signOff().catch(() => undefined);
  }

  close(): void {
    this.closed = true;
    this.feed?.close();
    this.wake();
  }

  private async askHead(): Promise<void> {
    const question = ++this.asked;
    const before = { known: this.known, held: this.known?.numbers.largest ?? 0, askedAt: moment() };
    try {
      const head = await this.api!.head(this.patienceMs);
      // A younger question may have been answered sooner.
      if (question < this.answered || this.closed) return;
      this.answered = question;
      this.hear(head, before);
    } catch (error) {
      this.lastError = error;
    }
  }

  private hear(head: Head, before: { known: Known | undefined; held: number; askedAt: Moment }): void {
    const wentBack = this.known === before.known && head.revocations < before.held;
    if (!this.known || !isSameLog(head, this.known.log) || wentBack) this.known = this.startAgain(head);
    const { known } = this;
    const wasDue = known.due;
    known.due = head.revocations;
    known.duePosition = head.position;
    known.numbers.raiseFloor(head.revocationsFloor);
    if (head.time > known.time) Object.assign(known, { time: head.time, timeHeardAt: moment() });
    this.set.sweep(known.time);
    known.lease.offer(before.askedAt, head.revocations, head.position);
    this.settle(known);
    const { through } = known.numbers;
    const stuck = through < wasDue && through === known.heldAtHead;
    known.heldAtHead = through;
    if (stuck) this.helpOut(known);
    else if (!this.feed && known.feeds > 0) void this.fill(known, known.due);
  }

  private startAgain({ logId, epoch }: Head): Known {
    this.set.clear();
    this.feed?.close();
    this.wake();
    return {
      log: { logId, epoch },
      numbers: new HeldNumbers(),
      lease: new Lease(),
      due: 0,
      duePosition: 0,
      heldAtHead: 0,
      feeds: 0,
      time: 0,
      timeHeardAt: moment(),
      filling: false,
    };
  }

  /** The feed does not bring what is due. */
  private helpOut(known: Known): void {
    void this.fill(known, known.due);
    const { feed } = this;
    if (!feed) return;
    const idle = feed.delivered === this.deliveredAtHead;
    this.deliveredAtHead = feed.delivered;
    if (idle && performance.now() - feed.openedAt > FEED_PATIENCE_MS) feed.close();
  }

  /** Until the feed ends. What goes wrong with it is known from the numbers. */
  private async followStream(known: Known, connection: NatsConnection): Promise<void> {
    const { service, instance } = this.subscriber;
    const name = consumerName(service, instance, nuid.next());
    // Only the first brings what the stream holds: one that begins within it costs nats-server 2.9.10 milliseconds a message.
    const from = known.feeds++ === 0 ? known.numbers.position : known.duePosition;
    try {
      const take = (message: JsMsg) => this.take(message);
      const feed = await Feed.open(connection, name, from + 1, take, this.jetStreamPrefix);
      this.feed = feed;
      if (this.closed || known !== this.known) feed.close();
      if (feed.startedAtTheEnd) void this.fill(known, known.due);
      const reason = await feed.ended;
      if (reason) throw reason;
    } catch (error) {
      this.lastError = error;
      void this.fill(known, known.due);
    } finally {
      this.feed = undefined;
    }
  }

  private take(message: JsMsg): void {
    const { known } = this;
    if (!known || this.closed) return;
    try {
      const { log, ...revocation } = readMessage(message.data, message.headers?.get('Signoff-Log'));
      if (!isSameLog(log, known.log))
        throw new ProtocolError(`an event of the log ${log.logId}/${log.epoch}`);
      if (revocation.position !== message.seq) {
        throw new ProtocolError(`event ${revocation.position} stands at ${message.seq} in the stream`);
      }
      this.apply(known, revocation);
      this.feed?.taken(message, revocation.revocation);
      this.settle(known);
    } catch (error) {
      this.lastError = error;
      return;
    }
    const { nextHeld } = known.numbers;
    if (nextHeld !== undefined) void this.fill(known, nextHeld - 1);
  }

  /** Asks the API for what is missing up to number `last`. */
  private async fill(known: Known, last: number): Promise<void> {
    if (known.filling) return;
    known.filling = true;
    try {
      while (known === this.known && !this.closed && known.numbers.through < last) {
        const { through, nextHeld = last + 1 } = known.numbers;
        const page = await this.api!.revocations(through, Math.min(PAGE, nextHeld - 1 - through));
        if (known !== this.known) return;
        if (!isSameLog(page, known.log))
          throw new ProtocolError(`a page of the log ${page.logId}/${page.epoch}`);
        for (const revocation of page.revocations) this.apply(known, revocation);
        if (known.numbers.through === through)
          throw new ProtocolError(`the API lacks revocation ${through + 1}`);
        this.settle(known);
      }
    } catch (error) {
      this.lastError = error;
    } finally {
      known.filling = false;
    }
  }

  private apply(known: Known, revocation: Revocation): void {
    if (known.numbers.has(revocation.revocation)) return;
    this.set.add(revocation.sessionId, Date.parse(revocation.credentialsExpireAt) + GRACE_MS);
    known.numbers.add(revocation.revocation, revocation.position);
    this.onRevoked(revocation);
  }

  private settle(known: Known): void {
    this.feed?.applied(known.numbers.through);
    if (known.lease.settle(known.numbers.through)) this.onRenewed();
    this.announce();
  }

  /** At least once a second, since a receipt may get lost. */
  private announce(): void {
    this.unannounced = true;
    if (this.announcing) return;
    this.announcing = true;
    // One for all that is applied in this turn.
    setImmediate(() => this.giveReceipts());
  }

  private giveReceipts(): void {
    const { known } = this;
    if (!this.unannounced || !known || this.closed) {
      this.announcing = false;
      return;
    }
    this.unannounced = false;
    this.api!.announce({ ...known.log, position: this.position, revocations: known.numbers.through });
    setTimeout(() => this.giveReceipts(), ANNOUNCE_EACH_MS);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
