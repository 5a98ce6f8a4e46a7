import type { Decider } from '../decider.js';
import { DomainError } from '../domain-error.js';
import type { Instant } from '../instant.js';
import type { AccountSessionEvent, RevocationReason, SessionRevoked } from './events.js';
import { expiryOf, lastInstant, type Lifetime } from './lifetime.js';

export interface Session {
  readonly sessionId: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
}

/**
 * The sessions of one account that nobody has ended, oldest first. Those that have expired stay until the next
 * session is issued, so that the state is bounded by the cap however long the history grows.
 */
export type AccountSessions = ReadonlyMap<string, Session>;

interface Acting {
  readonly now: Instant;
  /** The session by whose credential the command was given: it has to be alive when the decision is made. */
  readonly actingSessionId?: string;
}

export interface IssueSession {
  readonly type: 'IssueSession';
  readonly now: Instant;
  /** Fresh: 128 random bits that were never used before. */
  readonly sessionId: string;
  readonly lifetime: Lifetime;
  readonly sessionsPerAccount: number;
  readonly maxLifeSeconds: number;
}

export interface ExtendSession {
  readonly type: 'ExtendSession';
  readonly now: Instant;
  readonly sessionId: string;
  readonly lifetime: Lifetime;
  readonly maxLifeSeconds: number;
}

export interface RevokeSession extends Acting {
  readonly type: 'RevokeSession';
  readonly sessionId: string;
  readonly reason: RevocationReason;
}

export interface RevokeOtherSessions extends Acting {
  readonly type: 'RevokeOtherSessions';
  readonly currentSessionId: string;
  readonly reason: RevocationReason;
}

export interface RevokeAllSessions extends Acting {
  readonly type: 'RevokeAllSessions';
  readonly reason: RevocationReason;
}

export type AccountSessionCommand =
  IssueSession | ExtendSession | RevokeSession | RevokeOtherSessions | RevokeAllSessions;

export const accountSessions: Decider<AccountSessions, AccountSessionCommand, AccountSessionEvent> = {
  initialState: new Map(),
  evolve,
  decide,
};

export function liveSession(state: AccountSessions, sessionId: string, now: Instant): Session | undefined {
  const session = state.get(sessionId);
  return session && session.expiresAt > now ? session : undefined;
}

export function liveSessions(state: AccountSessions, now: Instant): Session[] {
  return [...state.values()].filter((session) => session.expiresAt > now);
}

function evolve(state: AccountSessions, event: AccountSessionEvent): AccountSessions {
  const sessions = new Map(state);
  const { sessionId } = event.data;
  switch (event.type) {
    case 'SessionIssued':
      for (const [id, { expiresAt }] of sessions) if (expiresAt <= event.data.issuedAt) sessions.delete(id);
      return sessions.set(sessionId, event.data);
    case 'SessionExtended': {
      const session = sessions.get(sessionId);
      return session ? sessions.set(sessionId, { ...session, expiresAt: event.data.expiresAt }) : state;
    }
    case 'SessionRevoked':
      sessions.delete(sessionId);
      return sessions;
  }
}

function decide(command: AccountSessionCommand, state: AccountSessions): AccountSessionEvent[] {
  switch (command.type) {
    case 'IssueSession':
      return issue(command, state);
    case 'ExtendSession':
      return extend(command, state);
    case 'RevokeSession':
      refuseUnlessActorLives(command, state);
      return [revoked(found(command, state), command.reason)];
    case 'RevokeOtherSessions':
      refuseUnlessActorLives(command, state);
      return liveSessions(state, command.now)
        .filter(({ sessionId }) => sessionId !== command.currentSessionId)
        .map((session) => revoked(session, command.reason));
    case 'RevokeAllSessions':
      refuseUnlessActorLives(command, state);
      return liveSessions(state, command.now).map((session) => revoked(session, command.reason));
  }
}

function issue(command: IssueSession, state: AccountSessions): AccountSessionEvent[] {
  const { now, sessionId, sessionsPerAccount, maxLifeSeconds } = command;
  const expiresAt = expiryOf(command.lifetime, now, lastInstant(now, maxLifeSeconds));
  const live = liveSessions(state, now);
  const surplus = live.slice(0, Math.max(0, live.length + 1 - sessionsPerAccount));
  return [
    ...surplus.map((session) => revoked(session, 'limit')),
    { type: 'SessionIssued', data: { sessionId, issuedAt: now, expiresAt } },
  ];
}

function extend(command: ExtendSession, state: AccountSessions): AccountSessionEvent[] {
  const session = found(command, state);
  const latest = lastInstant(session.issuedAt, command.maxLifeSeconds);
  const expiresAt = expiryOf(command.lifetime, command.now, latest);
  if (expiresAt <= session.expiresAt) return [];
  return [{ type: 'SessionExtended', data: { sessionId: session.sessionId, expiresAt } }];
}

function found(command: { sessionId: string; now: Instant }, state: AccountSessions): Session {
  const session = liveSession(state, command.sessionId, command.now);
  if (!session) throw new DomainError('SESSION_NOT_FOUND', 'no such active session');
  return session;
}

function refuseUnlessActorLives({ actingSessionId, now }: Acting, state: AccountSessions): void {
  if (actingSessionId !== undefined && !liveSession(state, actingSessionId, now)) {
    throw new DomainError('ACTING_SESSION_ENDED', 'the session that asked has ended');
  }
}

/** No credential of a session outlives its `expiresAt`, since an extension never shortens it. */
function revoked({ sessionId, expiresAt }: Session, reason: RevocationReason): SessionRevoked {
  return { type: 'SessionRevoked', data: { sessionId, reason, credentialsExpireAt: expiresAt } };
}
