import type { NodeConnectionOptions } from '@nats-io/transport-node';

/** `servers`: URLs, separated by commas, of which the first may carry user and password for all of them. */
export function natsOf(servers: string): NodeConnectionOptions {
  const urls = servers.split(',').map((server) => new URL(server));
  const [{ username, password, protocol }] = urls as [URL];
  const user = decodeURIComponent(username);
  return {
    servers: urls.map(({ host }) => host),
    ...(protocol === 'tls:' && { tls: {} }),
    ...(user !== '' && { user, pass: decodeURIComponent(password), inboxPrefix: `_INBOX.${user}` }),
    name: 'signoff-dead-letters',
    reconnect: false,
  };
}
