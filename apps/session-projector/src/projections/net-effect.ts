import type { AccountSessionEvent, SessionIssued } from '#domain/account-sessions/events.js';
import type { PersonalDataErased } from '#domain/personal-data-erased.js';
import { accountIdOf } from '#event-log/account-stream.js';
import type { ProjectedEvent } from '../projection.js';

type IssuedData = SessionIssued['data'];

export interface IssuedSession extends IssuedData {
  readonly accountId: string;
  /** The event that issued it. */
  readonly issue: ProjectedEvent;
}

/** What a run of events comes to for each session, as the account's fold has it. No session stands in two of these. */
export interface NetEffect {
  readonly issued: readonly IssuedSession[];
  /** The new end of sessions that were issued before. */
  readonly extended: ReadonlyMap<string, string>;
  readonly ended: ReadonlySet<string>;
  /** Accounts of which what is personal was erased. */
  readonly erased: ReadonlySet<string>;
}

export function netEffect(events: readonly ProjectedEvent[]): NetEffect {
  const issued = new Map<string, IssuedSession>();
  const extended = new Map<string, string>();
  const ended = new Set<string>();
  const erased = new Set<string>();
  for (const projected of events) {
    const event = projected as ProjectedEvent & (AccountSessionEvent | PersonalDataErased);
    if (event.type === 'PersonalDataErased') {
      erased.add(accountIdOf(event.streamId)!);
      continue;
    }
    const { sessionId } = event.data;
    switch (event.type) {
      case 'SessionIssued':
        issued.set(sessionId, { ...event.data, accountId: accountIdOf(event.streamId)!, issue: event });
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
  return { issued: [...issued.values()], extended, ended, erased };
}
