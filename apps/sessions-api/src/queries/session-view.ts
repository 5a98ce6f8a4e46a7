import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { liveSessions, type Session } from '#domain/account-sessions/decider.js';
import type { Instant } from '#domain/instant.js';
import type { AccountState } from '#event-log/account-stream.js';
import type { PersonalData } from '#event-log/sealing.js';
import { describeUserAgent, type Device } from './user-agent.js';

/** A session as its account sees it. What is not known, or was erased, is null. */
export interface SessionView {
  readonly sessionId: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  readonly lastSeenAt: Instant;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly fingerprint: string | null;
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  readonly total: number;
}

export interface PageRequest {
  readonly page: number;
  readonly limit: number;
}

/** Of the sessions that are alive then, those on the page, and how many there are. */
export function newestFirst(
  { sessions, issues }: AccountState,
  now: Instant,
  { page, limit }: PageRequest,
): { readonly shown: readonly Session[]; readonly total: number } {
  const positionOf = ({ sessionId }: Session) => issues.get(sessionId)!.position;
  const live = liveSessions(sessions, now).sort((one, other) => positionOf(other) - positionOf(one));
  return { shown: live.slice((page - 1) * limit, page * limit), total: live.length };
}

/** `personal`: what the login service told about who signed in; null where it told nothing, or it was erased. */
export function sessionView(
  { sessionId, issuedAt, expiresAt }: Pick<Session, 'sessionId' | 'issuedAt' | 'expiresAt'>,
  lastSeenAt: Instant,
  personal: PersonalData | null,
): SessionView {
  const { ipAddress = null, userAgent = null, fingerprint = null } = personal ?? {};
  return {
    sessionId,
    issuedAt,
    expiresAt,
    lastSeenAt,
    ipAddress,
    userAgent,
    fingerprint,
    ...deviceOf(userAgent),
  };
}

/** By the hash of the user agent, which itself may be erased one day. */
const devices = new LRUCache<string, Device>({ max: 2_000 });

function deviceOf(userAgent: string | null) {
  if (userAgent === null) return describeUserAgent(userAgent);
  const key = hash('sha256', userAgent, 'base64');
  let device = devices.get(key);
  if (!device) devices.set(key, (device = describeUserAgent(userAgent)));
  return device;
}
