import type { RefusalCode } from './admission.js';
import { RevocationsError, type RevocationsErrorCode } from './revocations-error.js';
import type { Revocations, VerifiedSession } from './revocations.js';

/**
 * A WebSocket, a response that is still written (SSE), a socket: what can be closed, by the first of these that it has, and
 * tells of its end with the event `close` or `disconnect`.
 */
export interface Connection {
  destroy?(): unknown;
  disconnect?(close: boolean): unknown;
  close?(code: number, reason: string): unknown;
  end?(): unknown;
  terminate?(): unknown;
  on?(event: string, listener: () => void): unknown;
  off?(event: string, listener: () => void): unknown;
  addEventListener?(event: string, listener: () => void): unknown;
  removeEventListener?(event: string, listener: () => void): unknown;
  removeAllListeners?(event: string): unknown;
  readonly readyState?: unknown;
  readonly destroyed?: boolean;
  readonly disconnected?: boolean;
}

interface Held {
  readonly sessionId: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  readonly connection: Connection;
  stopListening: () => void;
}

const LOOK_EACH_MS = 500;
const GOODBYE_MS = 1_000;
const CLOSED = 3;
/** RFC 6455, section 7.4, and the registry: violates a policy, try again later, going away. */
const WEBSOCKET_CODES: Partial<Record<RefusalCode | RevocationsErrorCode, number>> = {
  REVOCATIONS_STALE: 1013,
  KEYS_UNAVAILABLE: 1013,
  REVOCATIONS_CLOSED: 1001,
};
const POLICY_VIOLATION = 1008;

/**
 * Closes what is open in the name of a session: in the moment in which its end becomes known, and within half a second when
 * its credential expires, or when under the policy `refuse` a revocation may be missing. It holds a connection no longer than
 * that is open.
 */
export class LiveConnections {
  private readonly held = new Map<string, Set<Held>>();
  private readonly stopHearing: () => void;
  private looking: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly revocations: Revocations) {
    this.stopHearing = revocations.onRevoked(({ sessionId }) => this.endAll(sessionId, 'SESSION_REVOKED'));
  }

  /** How many connections are held. */
  get size(): number {
    let size = 0;
    for (const connections of this.held.values()) size += connections.size;
    return size;
  }

  /**
   * Closes it at once when the session was ended already, or when that is not known.
   *
   * @param session what `verifySession` gave, or `sessionId` alone; then its credential is taken never to expire
   * @returns forgets the connection, and leaves it open
   */
  add(
    { sessionId, expiresAt = Infinity }: Pick<VerifiedSession, 'sessionId'> & Partial<VerifiedSession>,
    connection: Connection,
  ): () => void {
    if (!(connection.destroy ?? connection.disconnect ?? connection.close ?? connection.end)) {
      throw new TypeError('it cannot be closed');
    }
    const one: Held = { sessionId, expiresAt, connection, stopListening: () => undefined };
    const forget = () => this.forget(one);
    if (hasClosed(connection)) return forget;
    one.stopListening = whenClosed(connection, forget);
    const connections = this.held.get(sessionId) ?? new Set();
    this.held.set(sessionId, connections.add(one));
    this.looking ??= setInterval(() => this.look(), LOOK_EACH_MS).unref();
    const reason = hasExpired(one) ? 'CREDENTIAL_EXPIRED' : this.reasonAgainst(sessionId);
    if (reason) this.end(one, reason);
    return forget;
  }

  /** Closes all of them, and each that is added from now on. */
  close(): void {
    this.closed = true;
    this.stopHearing();
    for (const sessionId of this.held.keys()) this.endAll(sessionId, 'REVOCATIONS_CLOSED');
  }

  private look(): void {
    let isFresh = false;
    for (const [sessionId, connections] of this.held) {
      for (const one of connections) if (hasExpired(one)) this.end(one, 'CREDENTIAL_EXPIRED');
      // When one is known to be alive nothing is missing, and the ends of all others have been heard.
      const reason = isFresh ? undefined : this.reasonAgainst(sessionId);
      if (reason) this.endAll(sessionId, reason);
      else isFresh = true;
    }
  }

  private reasonAgainst(sessionId: string): RevocationsErrorCode | undefined {
    if (this.closed) return 'REVOCATIONS_CLOSED';
    try {
      return this.revocations.isRevoked(sessionId) ? 'SESSION_REVOKED' : undefined;
    } catch (error) {
      if (error instanceof RevocationsError) return error.code;
      throw error;
    }
  }

  private endAll(sessionId: string, reason: RevocationsErrorCode): void {
    for (const one of this.held.get(sessionId) ?? []) this.end(one, reason);
  }

  /** What goes wrong with one does not keep the others open. */
  private end(one: Held, reason: RevocationsErrorCode): void {
    this.forget(one);
    try {
      shut(one.connection, reason);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private forget(one: Held): void {
    const connections = this.held.get(one.sessionId);
    if (!connections?.delete(one)) return;
    one.stopListening();
    if (connections.size === 0) this.held.delete(one.sessionId);
    if (this.held.size > 0) return;
    clearInterval(this.looking);
    this.looking = undefined;
  }
}

const hasExpired = ({ expiresAt }: Held) => expiresAt * 1_000 <= Date.now();

const hasClosed = ({ readyState, destroyed, disconnected }: Connection) =>
  readyState === CLOSED || destroyed === true || disconnected === true;

function whenClosed(connection: Connection, tell: () => void): () => void {
  const { on = connection.addEventListener, off = connection.removeEventListener } = connection;
  for (const event of ['close', 'disconnect']) on?.call(connection, event, tell);
  return () => {
    for (const event of ['close', 'disconnect']) off?.call(connection, event, tell);
  };
}

/**
 * A response is cut off, rather than ended: it may be waiting for a reader that takes its time, and whoever writes to one that
 * was ended gets an error that ends the process.
 */
export function shut(connection: Connection, reason: RefusalCode | RevocationsErrorCode): void {
  if (connection.destroy) connection.destroy();
  else if (connection.disconnect) connection.disconnect(true);
  else if (connection.close) {
    // The other side may go on sending until it has answered: nobody is to hear that.
    connection.removeAllListeners?.('message');
    connection.close(WEBSOCKET_CODES[reason] ?? POLICY_VIOLATION, reason);
    setTimeout(() => connection.terminate?.(), GOODBYE_MS).unref();
  } else connection.end!();
}
