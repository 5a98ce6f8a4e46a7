import { bearerIn } from '../admission.js';

type Fields = Readonly<Record<string, unknown>>;

/** In what a credential may stand. */
export type Asked =
  | { readonly type: 'http'; readonly request: { readonly headers: Fields } }
  /** The request that was upgraded to a WebSocket, or the `handshake` of Socket.IO. */
  | { readonly type: 'ws'; readonly handshake: { readonly headers: Fields; readonly auth?: Fields } }
  /** The context is the transport's: `NatsContext`, `KafkaContext`, … */
  | { readonly type: 'rpc'; readonly context: unknown; readonly data: unknown };

interface WithHeaders {
  getHeaders?(): { get?(name: string): unknown } | undefined;
}

/**
 * The header `Authorization: Bearer …` of a request, of a WebSocket's handshake and of a NATS message; with Socket.IO also
 * `auth: { token }`, and in the body of any message the field `credential`.
 */
export function credentialIn(asked: Asked): string | undefined {
  if (asked.type === 'http') return bearerIn(asked.request.headers.authorization);
  if (asked.type === 'ws') {
    return text(asked.handshake.auth?.token) ?? bearerIn(asked.handshake.headers.authorization);
  }
  const headers = (asked.context as WithHeaders).getHeaders?.();
  // The names of NATS headers are case-sensitive.
  const authorization = headers?.get?.('authorization') || headers?.get?.('Authorization');
  return bearerIn(authorization) ?? text((asked.data as Fields | null | undefined)?.credential);
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
