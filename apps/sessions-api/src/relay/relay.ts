import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type BusMessage, toMessage } from '#bus/envelope.js';
import { type Publication, publishInOrder } from '#bus/publish.js';
import type { StreamSettings } from '#bus/stream.js';
import { readForward } from '#event-log/read.js';
import { inSpan } from '#telemetry/tracing.js';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { alignWithStream, type Aligned } from './align.js';
import { RelayRefusal } from './relay-refusal.js';
import type { WakeUp } from './wake-up.js';

const BATCH = 500;
const POLL_MS = 1_000;
const REALIGN_MS = 10_000;
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
}

/**
 * Carries the log to the stream: message n is event n, exactly once, in order.
 *
 *     align ──► relay ── any answer but "stored here" ──► align
 *       │         └── nothing to do: wait for an append
 *       └── the stream is not this log's mirror: refused, nothing is published
 *
 * It has no state of its own: how far it came is the stream's last sequence. It never publishes without naming the
 * sequence that it expects, so that a stale leader or a repeated batch changes nothing.
 */
export class Relay {
  status: RelayStatus = { state: 'standby' };

  constructor(
    private readonly pool: Pool,
    private readonly bus: NatsConnection,
    private readonly settings: RelaySettings,
    private readonly wakeUp: WakeUp,
    private readonly logger: Logger,
  ) {}

  /** Runs until `lost` is aborted. */
  async lead(lost: AbortSignal): Promise<void> {
    let failures = 0;
    while (!lost.aborted) {
      try {
        await this.relay(
          await alignWithStream(this.pool, this.bus, this.settings.stream),
          lost,
          () => (failures = 0),
        );
      } catch (error) {
        if (lost.aborted) break;
        this.report(error);
        const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]!;
        await this.wakeUp.sleep(error instanceof RelayRefusal ? REALIGN_MS : pause, lost);
      }
    }
    this.status = { state: 'standby' };
  }

  private async relay({ head, position }: Aligned, lost: AbortSignal, progressed: () => void): Promise<void> {
    const client = jetstream(this.bus);
    let contradictions = 0;
    let alignedAt = Date.now();
    this.become({ state: 'relaying', position });
    while (!lost.aborted) {
      const events = await readForward(this.pool, position, BATCH);
      if (events.length === 0) {
        await this.wakeUp.sleep(POLL_MS, lost);
        if (Date.now() - alignedAt <= REALIGN_MS) continue;
      } else {
        const messages = events.map((event) => toMessage(event, head, this.settings.source));
        const publication = await this.publish(client, messages);
        if (publication.kind === 'failed') throw publication.reason;
        if (publication.kind === 'stored') {
          position += events.length;
          contradictions = 0;
          progressed();
          this.become({ state: 'relaying', position });
          continue;
        }
      }
      const aligned = await alignWithStream(this.pool, this.bus, this.settings.stream);
      alignedAt = Date.now();
      const contradicts = events.length > 0 && aligned.position === position;
      if (contradicts && ++contradictions === MAX_CONTRADICTIONS) {
        throw new RelayRefusal(
          'STREAM_REFUSES_ITS_SEQUENCE',
          `the stream is at ${position} and refuses ${position + 1}`,
        );
      }
      ({ head, position } = aligned);
    }
  }

  private publish(client: JetStreamClient, messages: readonly BusMessage[]): Promise<Publication> {
    const links = () => [...new Set(messages.flatMap(({ headers }) => headers.get('traceparent') || []))];
    return inSpan('relay', { kind: 'producer', links }, async (span) => {
      const publication = await publishInOrder(client, messages);
      const position = messages.at(-1)!.position;
      span.set({
        'signoff.events': messages.length,
        'signoff.position': position,
        'signoff.outcome': publication.kind,
      });
      return publication;
    });
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
