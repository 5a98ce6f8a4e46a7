import { connectBus } from '#bus/connect.js';
import type { NatsConnection } from '@nats-io/transport-node';

/** The process's connection to NATS. It may come late, go and come back: nothing that answers requests waits for it. */
export class BusConnection {
  connection: NatsConnection | undefined;
  private connectedSince: number | undefined;

  /** Resolves with the first connection, however long that takes; undefined when the process stops before. */
  readonly connected: Promise<NatsConnection>;
  private stopped = false;

  constructor(servers: string, name: string) {
    this.connected = connectBus(servers, name);
    this.connected.then(
      (connection) => this.follow(connection),
      () => undefined,
    );
  }

  get isConnected(): boolean {
    return this.connectedSince !== undefined;
  }

  /** How long the present connection has been standing, in milliseconds; 0 when there is none. */
  connectedForMs(): number {
    return this.connectedSince === undefined ? 0 : performance.now() - this.connectedSince;
  }

  async close(): Promise<void> {
    this.stopped = true;
    await this.connection?.close();
  }

  private async follow(connection: NatsConnection): Promise<void> {
    if (this.stopped) return connection.close();
    this.connection = connection;
    this.connectedSince = performance.now();
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.connectedSince = undefined;
      if (type === 'reconnect') this.connectedSince = performance.now();
    }
    this.connectedSince = undefined;
  }
}
