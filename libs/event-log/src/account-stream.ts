import type { Pool } from 'pg';
import { accountSessions, type AccountSessions } from '#domain/account-sessions/decider.js';
import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import type { PersonalDataErased } from '#domain/personal-data-erased.js';
import { accountSnapshot } from './account-snapshot.js';
import type { RecordedEvent } from './event.js';
import { decodeEvent } from './event-types.js';
import { Folds, type Projection } from './folds.js';
import type { StreamLooks } from './stream-look.js';

/** What a list needs to know of a session beyond what decides: where it was issued, and what is personal, still sealed. */
export type SessionIssue = Pick<RecordedEvent, 'position' | 'streamId' | 'eventId' | 'type' | 'sealed'>;

export interface AccountState {
  readonly sessions: AccountSessions;
  readonly issues: ReadonlyMap<string, SessionIssue>;
}

export const accountStreamId = (accountId: string) => `account-${accountId}`;

export const accountIdOf = (streamId: string) =>
  streamId.startsWith('account-') ? streamId.slice('account-'.length) : null;

export const accountStream: Projection<AccountState> = {
  snapshot: accountSnapshot,
  initialState: { sessions: accountSessions.initialState, issues: new Map() },
  partsOf: ({ issues }) => issues.size,
  apply({ sessions, issues }, recorded) {
    const event = decodeEvent(recorded) as AccountSessionEvent | PersonalDataErased;
    if (event.type === 'PersonalDataErased') return { sessions, issues };
    const next = accountSessions.evolve(sessions, event);
    if (event.type === 'SessionExtended') return { sessions: next, issues };
    const { position, streamId, eventId, type, sealed } = recorded;
    return {
      sessions: next,
      issues: new Map(
        [...next.keys()].map((id) => [id, issues.get(id) ?? { position, streamId, eventId, type, sealed }]),
      ),
    };
  },
};

export class AccountFolds extends Folds<AccountState> {
  constructor(pool: Pool, maxStreams: number, looks?: StreamLooks) {
    super(pool, accountStream, maxStreams, looks);
  }
}
