import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { ConnectOptions } from '#revocations/connect.js';
import type { Revocation } from '#revocations/protocol.js';
import type { Revocations } from '#revocations/revocations.js';
import { RevocationsError } from '#revocations/revocations-error.js';

interface Plain {
  isRevoked(sessionId: string): boolean;
  ready(): Promise<unknown>;
  holds(): { position: number; size: number; staleness: number };
  close(): Promise<void>;
}

interface PlainOptions extends Pick<ConnectOptions, 'nats' | 'service' | 'instance' | 'maxStaleness'> {
  /** Options of the client for JetStream. */
  readonly jetstream?: { readonly apiPrefix: string } | undefined;
  readonly onRevoked: (revocation: Revocation) => void;
}

const example = join(import.meta.dirname, '../../../examples/subscriber.mjs');
const { follow } = (await import(pathToFileURL(example).href)) as {
  follow: (options: PlainOptions) => Plain;
};

/** The example that does without the library, with the library's surface, but for credentials, which it does not verify. */
export function followPlainly({ jetStreamPrefix, ...options }: ConnectOptions): Revocations {
  const listeners = new Set<(revocation: Revocation) => void>();
  const onRevoked = (revocation: Revocation) => {
    for (const tell of listeners) tell(revocation);
  };
  const jetstream = jetStreamPrefix === undefined ? undefined : { apiPrefix: jetStreamPrefix };
  const plain = follow({ instance: 'plain', ...options, jetstream, onRevoked });
  return {
    isRevoked(sessionId) {
      try {
        return plain.isRevoked(sessionId);
      } catch (cause) {
        throw new RevocationsError((cause as Error).message as 'REVOCATIONS_STALE', 'as it says', cause);
      }
    },
    ready: async () => void (await plain.ready()),
    staleness: () => plain.holds().staleness,
    get position() {
      return plain.holds().position;
    },
    get size() {
      return plain.holds().size;
    },
    onRevoked(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    verifySession: () => Promise.reject(new Error('it verifies no credentials')),
    close: () => plain.close(),
  };
}
