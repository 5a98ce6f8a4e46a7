import { randomBytes } from 'node:crypto';
import type { Revocation } from './protocol.js';
import { RevocationsError } from './revocations-error.js';
import type { Revocations, VerifiedSession } from './revocations.js';
import { isSessionId } from './session-id.js';

const HOUR_SECONDS = 3_600;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export interface FakeRevocations extends Revocations {
  /** Signs somebody in. The credential is good for `verifySession` here, and nowhere else. */
  signIn(session?: Partial<VerifiedSession>): { readonly sessionId: string; readonly credential: string };
  /** Ends a session: calls back, and it is refused from now on. */
  revoke(sessionId: string): void;
  /** From now on it is not known whether anything is missing, until `refresh()`. */
  goStale(): void;
  refresh(): void;
}

/**
 * `Revocations` for the tests of a service: in memory, ready from the start, with the errors of the real ones.
 *
 * @param policy what to do while it is stale, as in `ConnectOptions`
 */
export function fakeRevocations({
  policy = 'refuse',
}: { policy?: 'refuse' | 'allow' } = {}): FakeRevocations {
  const revoked = new Set<string>();
  const sessions = new Map<string, VerifiedSession>();
  const callbacks = new Set<(revocation: Revocation) => void>();
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let state: 'fresh' | 'stale' | 'closed' = 'fresh';

  const staleness = () => (state === 'fresh' ? 0 : Infinity);
  const isRevoked = (sessionId: string): boolean => {
    if (state === 'closed') throw closedError();
    if (!isSessionId(sessionId)) {
      const cause = new RangeError(`not a session identifier: ${String(sessionId)}`);
      throw new RevocationsError('SESSION_ID_INVALID', cause.message, cause);
    }
    if (revoked.has(sessionId)) return true;
    if (state === 'stale' && policy === 'refuse') {
      const facts = { staleness: staleness(), maxStaleness: 30_000, lastError: undefined };
      throw new RevocationsError('REVOCATIONS_STALE', 'a revocation may be missing', facts);
    }
    return false;
  };

  return {
    isRevoked,
    staleness,
    get position() {
      return revoked.size;
    },
    get size() {
      return revoked.size;
    },
    ready() {
      if (state === 'closed') return Promise.reject(closedError());
      if (state === 'fresh') return Promise.resolve();
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    async verifySession(credential) {
      if (state === 'closed') throw closedError();
      const session = sessions.get(credential);
      if (!session)
        throw new RevocationsError('SIGNATURE_INVALID', 'signIn() has not made this', { credential });
      const { sessionId, expiresAt } = session;
      if (expiresAt * 1_000 <= Date.now()) {
        throw new RevocationsError('CREDENTIAL_EXPIRED', 'the credential has expired', { expiresAt });
      }
      if (isRevoked(sessionId))
        throw new RevocationsError('SESSION_REVOKED', `${sessionId} was ended`, { sessionId });
      return session;
    },
    onRevoked(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    async close() {
      state = 'closed';
      for (const { reject } of waiting.splice(0)) reject(closedError());
    },
    signIn(given = {}) {
      const issuedAt = Math.floor(Date.now() / 1_000);
      const sessionId = newSessionId();
      const session = { sessionId, accountId: 'ada', issuedAt, expiresAt: issuedAt + HOUR_SECONDS, ...given };
      const credential = `fake.${randomBytes(24).toString('base64url')}.credential`;
      sessions.set(credential, session);
      return { sessionId: session.sessionId, credential };
    },
    revoke(sessionId) {
      if (revoked.has(sessionId)) return;
      revoked.add(sessionId);
      const credentialsExpireAt = new Date(Date.now() + HOUR_SECONDS * 1_000).toISOString();
      const number = revoked.size;
      for (const tell of callbacks)
        tell({ revocation: number, position: number, sessionId, credentialsExpireAt });
    },
    goStale() {
      if (state === 'fresh') state = 'stale';
    },
    refresh() {
      if (state !== 'stale') return;
      state = 'fresh';
      for (const { resolve } of waiting.splice(0)) resolve();
    },
  };
}

const closedError = () => new RevocationsError('REVOCATIONS_CLOSED', 'it was closed', { closed: true });

/** The first digit is 0: whatever follows says no more than 16 bytes can. */
const newSessionId = () => `session_0${[...randomBytes(21)].map((byte) => ALPHABET[byte % 62]).join('')}`;
