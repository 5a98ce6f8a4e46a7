import type { AccountSessionEvent, SessionIssued } from '#domain/account-sessions/events.js';
import type { PersonalDataErased } from '#domain/personal-data-erased.js';
import { accountIdOf } from '#event-log/account-stream.js';
import type { ProjectedEvent } from '../projection.js';

type IssuedData = SessionIssued['data'];

export interface IssuedSession extends IssuedData {
  readonly accountId: string;
  readonly issuedPosition: number;
}

/** What a run of events comes to for each session, as the account's fold has it. No session stands in two of these. */
export interface NetEffect {
  readonly issued: readonly IssuedSession[];
  /** The new end of sessions that were issued before. */
  readonly extended: ReadonlyMap<string, string>;
  readonly ended: ReadonlySet<string>;
}

export function netEffect(events: readonly ProjectedEvent[]): NetEffect {
  const issued = new Map<string, IssuedSession>();
  const extended = new Map<string, string>();
  const ended = new Set<string>();
  for (const projected of events) {
    const event = projected as ProjectedEvent & (AccountSessionEvent | PersonalDataErased);
    if (event.type === 'PersonalDataErased') continue;
    const { sessionId } = event.data;
    switch (event.type) {
      case 'SessionIssued':
        // Written out: to spread what was parsed takes as long as all the rest.
        issued.set(sessionId, {
          sessionId,
          accountId: accountIdOf(event.streamId)!,
          issuedPosition: event.position,
          issuedAt: event.data.issuedAt,
          expiresAt: event.data.expiresAt,
        });
        extended.delete(sessionId);
        ended.delete(sessionId);
        break;
      case 'SessionExtended': {
        const { expiresAt } = event.data;
        const session = issued.get(sessionId);
        if (session) issued.set(sessionId, { ...session, expiresAt });
        else if (!ended.has(sessionId)) extended.set(sessionId, expiresAt);
        break;
      }
      case 'SessionRevoked':
        issued.delete(sessionId);
        extended.delete(sessionId);
        ended.add(sessionId);
    }
  }
  return { issued: [...issued.values()], extended, ended };
}
