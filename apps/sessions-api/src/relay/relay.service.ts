import { ensureActivityStream } from '#bus/activity.js';
import { ensureDeadLetters } from '#bus/dead-letters.js';
import { APPENDED } from '#bus/subjects.js';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { CONFIG, type Config, streamSettings } from '../config.js';
import { LOGGER } from '../logger.js';
import { BusConnection } from './bus-connection.js';
import type { Committed } from './handover.js';
import { keepHouse } from './housekeeping.js';
import { whileLeading } from '#event-log/leadership.js';
import { Relay, type RelayStatus } from './relay.js';
import { WakeUp } from './wake-up.js';

const RELAY_LOCK = 51_600_002;
const HOUSEKEEPING_MS = 60_000;
const SIDE_STREAMS_MS = 10_000;

/** Runs the relay in whichever API process leads, and wakes it when anything was appended anywhere. */
@Injectable()
export class RelayService implements OnApplicationBootstrap {
  private readonly stop = new AbortController();
  private readonly wakeUp = new WakeUp();
  private relay: Relay | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly bus: BusConnection,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  get status(): RelayStatus {
    return this.relay?.status ?? { state: 'standby' };
  }

  get streamRebuilds(): number {
    return this.relay?.rebuilds ?? 0;
  }

  onApplicationBootstrap(): void {
    this.bus.connected.then(
      (connection) => (this.running = this.run(connection)),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  /** To be called after each commit of this process. */
  committed(group: Committed): void {
    if (this.relay && this.status.state !== 'standby') this.relay.committed(group);
    else if (this.bus.isConnected) this.bus.connection?.publish(APPENDED);
  }

  private async run(connection: NatsConnection): Promise<void> {
    if (this.stop.signal.aborted) return;
    connection.subscribe(APPENDED, { callback: this.wakeUp.call });
    const settings = { stream: streamSettings(this.config), source: this.config.ISSUER };
    const relay = (this.relay = new Relay(this.pool, connection, settings, this.wakeUp, this.logger));
    await whileLeading(
      this.config.DATABASE_URL,
      RELAY_LOCK,
      async (lost) => {
        const housekeeping = setInterval(() => this.keepHouse(), HOUSEKEEPING_MS);
        const sideStreams = setInterval(() => this.ensureSideStreams(connection), SIDE_STREAMS_MS);
        this.ensureSideStreams(connection);
        try {
          await relay.lead(lost);
        } finally {
          clearInterval(housekeeping);
          clearInterval(sideStreams);
        }
      },
      this.stop.signal,
    );
  }

  /** The one in the server's memory may be gone at any time. */
  private ensureSideStreams(connection: NatsConnection): void {
    for (const ensure of [ensureActivityStream, ensureDeadLetters]) {
      jetstreamManager(connection, { checkAPI: false })
        .then((manager) => ensure(manager, this.config.STREAM_REPLICAS))
        .catch((err: unknown) =>
          this.logger.debug({ err, ensure: ensure.name }, 'relay.side-stream-missing'),
        );
    }
  }

  private keepHouse(): void {
    keepHouse(this.pool).catch((err: unknown) => this.logger.warn({ err }, 'housekeeping.failed'));
  }
}
