import { connectBus } from '#bus/connect.js';
import type { NatsConnection } from '@nats-io/transport-node';

/** The process's connection to NATS. It may come late, go and come back: nothing that answers requests waits for it. */
export class BusConnection {
  connection: NatsConnection | undefined;
  isConnected = false;
  /** Called when the connection is lost: what was published last may be lost with it. */
  disconnected = (): void => undefined;

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

  async close(): Promise<void> {
    this.stopped = true;
    await this.connection?.close();
  }

  private async follow(connection: NatsConnection): Promise<void> {
    if (this.stopped) return connection.close();
    this.connection = connection;
    this.isConnected = true;
    for await (const { type } of connection.status()) {
      if (type === 'reconnect') this.isConnected = true;
      if (type !== 'disconnect') continue;
      this.isConnected = false;
      if (!this.stopped) this.disconnected();
    }
    this.isConnected = false;
  }
}
