import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type BusMessage, toMessage } from '#bus/envelope.js';
import { type Publication, publishInOrder } from '#bus/publish.js';
import type { StreamSettings } from '#bus/stream.js';
import { STREAM } from '#bus/subjects.js';
import type { PlainEvent } from '#event-log/event.js';
import { readPlainForward } from '#event-log/read.js';
import { inSpan } from '#telemetry/tracing.js';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { alignWithStream, type Aligned } from './align.js';
import type { Damage } from './examine-stream.js';
import { type Committed, Handover } from './handover.js';
import { RelayRefusal } from './relay-refusal.js';
import type { WakeUp } from './wake-up.js';

const BATCH = 500;
const POLL_MS = 1_000;
const ALIGN_EVERY_MS = 10_000;
const MAX_CONTRADICTIONS = 3;
const BACKOFF_MS = [100, 250, 500, 1_000, 2_500, 5_000];

export type RelayStatus =
  | { readonly state: 'standby' }
  | { readonly state: 'relaying'; readonly position: number }
  | { readonly state: 'degraded'; readonly reason: string }
  | { readonly state: 'refused'; readonly reason: string };

export const RELAY_STATES = [
  'standby',
  'relaying',
  'degraded',
  'refused',
] as const satisfies RelayStatus['state'][];

export interface RelaySettings {
  readonly stream: StreamSettings;
  /** `ce-source` of every message. */
  readonly source: string;
  /** How often the stream is looked at when nothing else gives cause to; 10 s. */
  readonly alignEveryMs?: number;
}

/**
 * Carries the log to the stream: message n is event n, exactly once, in order.
 *
 *     align ──► relay ── any answer but "stored here" ──► align
 *      │ │        └── nothing to do: wait for an append
 *      │ └── the stream is damaged: built again
 *      └── the stream is that of another log, or of what this one has lost: refused, nothing is published
 *
 * It has no state of its own: how far it came is the stream's last sequence. It never publishes without naming the
 * sequence that it expects, so that a stale leader or a repeated batch changes nothing, and never behind an event that is
 * no longer the log's.
 */
export class Relay {
  status: RelayStatus = { state: 'standby' };
  /** How often it has deleted the stream to build it again. */
  rebuilds = 0;
  private readonly alignEveryMs: number;
  private readonly handover = new Handover();
  private deletedAt = -Infinity;

  constructor(
    private readonly pool: Pool,
    private readonly bus: NatsConnection,
    private readonly settings: RelaySettings,
    private readonly wakeUp: WakeUp,
    private readonly logger: Logger,
  ) {
    this.alignEveryMs = settings.alignEveryMs ?? ALIGN_EVERY_MS;
  }

  /** To be called with what this process has committed. */
  committed(group: Committed): void {
    this.handover.offer(group);
    this.wakeUp.rouse();
  }

  /** Runs until `lost` is aborted. */
  async lead(lost: AbortSignal): Promise<void> {
    let failures = 0;
    while (!lost.aborted) {
      try {
        await this.relay(await this.align(), lost, () => (failures = 0));
      } catch (error) {
        if (lost.aborted) break;
        this.report(error);
        const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]!;
        await this.wakeUp.sleep(error instanceof RelayRefusal ? this.alignEveryMs : pause, lost);
      }
    }
    this.status = { state: 'standby' };
  }

  private async relay(
    { head, position, hash }: Aligned,
    lost: AbortSignal,
    progressed: () => void,
  ): Promise<void> {
    let contradictions = 0;
    let alignedAt = Date.now();
    while (!lost.aborted) {
      const handed = this.handover.take(position, hash);
      const events = handed ?? (await this.eventsBehind(position, hash));
      let refused = false;
      if (events?.length === 0) {
        this.become({ state: 'relaying', position });
        if (this.handover.isEmpty) await this.wakeUp.sleep(POLL_MS, lost);
      } else if (events) {
        const messages = events.map((event) => toMessage(event, head, this.settings.source));
        const publication = await this.publish(messages);
        if (publication.kind === 'files-lost') await this.deleteStream({ damage: 'files-lost', position });
        if (publication.kind === 'failed' || publication.kind === 'files-lost') throw publication.reason;
        refused = publication.kind === 'wrong-sequence';
        if (!refused) {
          ({ position, hash } = events.at(-1)!);
          contradictions = 0;
          progressed();
          this.become({ state: 'relaying', position });
          // What others commit wakes it, and what this process commits meanwhile is there already.
          if (handed && this.handover.isEmpty) await this.wakeUp.sleep(POLL_MS, lost);
        }
      }
      if (events && !refused && Date.now() - alignedAt <= this.alignEveryMs) continue;
      const aligned = await this.align();
      alignedAt = Date.now();
      if (refused && aligned.position === position && ++contradictions === MAX_CONTRADICTIONS) {
        throw new RelayRefusal(
          'STREAM_REFUSES_ITS_SEQUENCE',
          `the stream is at ${position} and refuses ${position + 1}`,
        );
      }
      ({ head, position, hash } = aligned);
    }
  }

  private align(): Promise<Aligned> {
    return alignWithStream(this.pool, this.bus, this.settings.stream, {
      damaged: (damage) => this.reportDamage(damage),
      deleted: () => this.streamDeleted(),
    });
  }

  /** For what shows in no state of it. */
  private async deleteStream(damage: Damage): Promise<void> {
    this.reportDamage(damage);
    const { streams } = await jetstreamManager(this.bus);
    if (await streams.delete(STREAM)) this.streamDeleted();
  }

  private streamDeleted(): void {
    this.deletedAt = performance.now();
    this.rebuilds++;
  }

  /** Null when the log no longer has the event at `position` that was published: it was put back to an older copy. */
  private async eventsBehind(position: number, hash: Buffer): Promise<PlainEvent[] | null> {
    if (position === 0) return readPlainForward(this.pool, 0, BATCH);
    const [published, ...events] = await readPlainForward(this.pool, position - 1, BATCH + 1);
    return published?.hash.equals(hash) ? events : null;
  }

  private publish(messages: readonly BusMessage[]): Promise<Publication> {
    const links = () => [...new Set(messages.flatMap(({ headers }) => headers.get('traceparent') || []))];
    return inSpan('relay', { kind: 'producer', links }, async (span) => {
      const publication = await publishInOrder(this.bus, messages);
      const position = messages.at(-1)!.position;
      span.set({
        'signoff.events': messages.length,
        'signoff.position': position,
        'signoff.outcome': publication.kind,
      });
      return publication;
    });
  }

  /** Throws when the last damage is not long ago: whoever keeps publishing must not have the stream deleted without end. */
  private reportDamage(damage: Damage): void {
    if (performance.now() - this.deletedAt < this.alignEveryMs) {
      throw new Error(`the stream was built again a moment ago, and is damaged: ${JSON.stringify(damage)}`);
    }
    if (damage.damage === 'earlier-epoch') this.logger.warn(damage, 'relay.epoch-began');
    else this.logger.error(damage, 'relay.stream-damaged');
  }

  private report(error: unknown): void {
    const state = error instanceof RelayRefusal ? 'refused' : 'degraded';
    this.become({ state, reason: error instanceof RelayRefusal ? error.code : String(error) }, error);
  }

  private become(status: RelayStatus, error?: unknown): void {
    if (status.state !== this.status.state) {
      const level = status.state === 'refused' ? 'error' : status.state === 'degraded' ? 'warn' : 'info';
      this.logger[level]({ ...status, err: error }, `relay.${status.state}`);
    }
    this.status = status;
  }
}
