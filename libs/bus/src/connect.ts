import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

/**
 * Keeps trying, at the start as later: by default the client gives up and leaves the process without a bus.
 * `servers`: comma-separated URLs, of which the first may carry user and password for all of them.
 */
export function connectBus(
  servers: string,
  name: string,
  options: NodeConnectionOptions = {},
): Promise<NatsConnection> {
  const urls = servers.split(',').map((server) => new URL(server));
  const [{ username, password }] = urls as [URL];
  const user = decodeURIComponent(username);
  return connect({
    servers: urls.map(({ host }) => host),
    ...(urls[0]!.protocol === 'tls:' && { tls: {} }),
    ...(user !== '' && {
      user,
      pass: decodeURIComponent(password),
      // Who may read one's answers is a matter of the subject that they come to: each user has its own.
      inboxPrefix: `_INBOX.${user}`,
    }),
    name,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    waitOnFirstConnect: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    // Otherwise it takes a stack for every request, in case that it fails: a twentieth of what a revocation costs the API.
    noAsyncTraces: true,
    ...options,
  });
}
