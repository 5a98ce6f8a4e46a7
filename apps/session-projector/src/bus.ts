import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectBus } from '#bus/connect.js';
import { CONFIG, type Config } from './config.js';

const PATIENCE_MS = 3_000;
const LAST_WORDS_MS = 1_000;

/** The connection to NATS: made when it is first needed, so that the process starts without a server. */
@Injectable()
export class Bus {
  private connection: NatsConnection | null = null;
  private connecting: Promise<NatsConnection> | null = null;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  async connected(): Promise<NatsConnection> {
    if (this.connection && !this.connection.isClosed()) return this.connection;
    this.connecting ??= connectBus(this.config.NATS_URL, 'session-projector').finally(
      () => (this.connecting = null),
    );
    const patience = new AbortController();
    const tooLate = sleep(PATIENCE_MS, null, { signal: patience.signal }).catch(() => null);
    this.connection = await Promise.race([this.connecting, tooLate]);
    patience.abort();
    if (!this.connection) throw new Error('NATS does not answer');
    return this.connection;
  }

  async close(): Promise<void> {
    await Promise.race([this.connection?.flush().catch(() => undefined), sleep(LAST_WORDS_MS)]);
    await this.connection?.close();
  }
}
