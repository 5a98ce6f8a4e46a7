import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import type { Instant } from '#domain/instant.js';
import type { SessionIssue } from '#event-log/account-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';

export interface SessionEnd {
  readonly endedAt: Instant;
  /** As in the event; `expired` when nobody ended it. */
  readonly endReason: string;
  /** Who asked for it; null when nobody did. */
  readonly endedBy: { readonly type: 'account' | 'service'; readonly credential: string } | null;
}

export interface SessionHistory {
  readonly sessionId: string;
  readonly issuedAt: Instant;
  /** As it was known then: an extension that came later is not in it. */
  readonly expiresAt: Instant;
  /** Null while it lives. */
  readonly end: SessionEnd | null;
  readonly issue: SessionIssue;
}

/** What had become of every session of an account at a moment, oldest first, from all events of the account's stream. */
export async function sessionHistories(
  stream: AsyncIterable<readonly RecordedEvent[]>,
  at: Instant,
): Promise<SessionHistory[]> {
  const sessions = new Map<string, SessionHistory>();
  const until = Date.parse(at);
  for await (const events of stream) {
    for (const recorded of events) {
      if (recorded.recordedAt <= until) evolve(sessions, recorded);
    }
  }
  return [...sessions.values()].map((session) =>
    session.end || session.expiresAt > at ? session : { ...session, end: expired(session) },
  );
}

function evolve(sessions: Map<string, SessionHistory>, recorded: RecordedEvent): void {
  const event = decodeEvent(recorded) as AccountSessionEvent;
  const { sessionId } = event.data;
  const session = sessions.get(sessionId);
  if (event.type === 'SessionIssued') {
    const { position, streamId, eventId, type, sealed } = recorded;
    sessions.set(sessionId, {
      ...event.data,
      end: null,
      issue: { position, streamId, eventId, type, sealed },
    });
  } else if (session && event.type === 'SessionExtended') {
    sessions.set(sessionId, { ...session, expiresAt: event.data.expiresAt });
  } else if (session && event.type === 'SessionRevoked') {
    sessions.set(sessionId, { ...session, end: endOf(recorded, event.data.reason) });
  }
}

function endOf({ recordedAt, metadata }: RecordedEvent, reason: string): SessionEnd {
  const { actor, credential } = JSON.parse(metadata) as {
    actor?: { type: 'account' | 'service' };
    credential?: string;
  };
  const endedAt = new Date(recordedAt).toISOString();
  const endedBy = actor && credential !== undefined ? { type: actor.type, credential } : null;
  return { endedAt, endReason: reason, endedBy };
}

const expired = ({ expiresAt }: SessionHistory): SessionEnd => ({
  endedAt: expiresAt,
  endReason: 'expired',
  endedBy: null,
});
