import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

/** Keeps trying, at the start as later: by default the client gives up and leaves the process without a bus. */
export function connectBus(
  servers: string,
  name: string,
  options: NodeConnectionOptions = {},
): Promise<NatsConnection> {
  return connect({
    servers: servers.split(','),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    waitOnFirstConnect: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    ...options,
  });
}
