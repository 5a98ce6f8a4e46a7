import { once } from 'node:events';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { RevocationsError } from './revocations-error.js';

export const RECONNECT_MS = 250;

const DEFAULTS: NodeConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: RECONNECT_MS,
  ignoreAuthErrorAbort: true,
  pingInterval: 5_000,
  maxPingOut: 2,
};

/** Rejects as soon as `signal` says so, though a server that takes connections and says nothing is waited for. */
export async function openConnection(
  options: NodeConnectionOptions,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const connecting = connect({ ...DEFAULTS, ...options });
  const settled = new AbortController();
  const closed = once(signal, 'abort', { signal: settled.signal }).then(() =>
    Promise.reject(new RevocationsError('REVOCATIONS_CLOSED', 'it was closed', { closed: true })),
  );
  try {
    return await Promise.race([connecting, closed]);
  } catch (error) {
    connecting.then(
      (connection) => connection.close(),
      () => undefined,
    );
    throw error;
  } finally {
    settled.abort();
  }
}

/** `apiPrefix`: what its API begins with in this account; the client takes no undefined for the usual one. */
export const managerOf = (
  connection: NatsConnection,
  apiPrefix: string | undefined,
): Promise<JetStreamManager> =>
  jetstreamManager(connection, { checkAPI: false, ...(apiPrefix && { apiPrefix }) });
