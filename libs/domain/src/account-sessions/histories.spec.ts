import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CAP, foldOf, histories, type History } from '../../../../test/harness/histories.js';
import { accountSessions, liveSession, liveSessions, type AccountSessionCommand } from './decider.js';

const holds = (promise: (history: History) => void) =>
  fc.assert(fc.property(histories, promise), { numRuns: 150 });

const { decide, evolve } = accountSessions;

const issuesOf = ({ events }: History) => events.filter(({ type }) => type === 'SessionIssued');
const revokedIds = ({ events }: Pick<History, 'events'>) =>
  new Set(events.flatMap(({ type, data }) => (type === 'SessionRevoked' ? [data.sessionId] : [])));
const expiriesOf = ({ events }: History, sessionId: string) =>
  events.flatMap((event) =>
    event.data.sessionId === sessionId && event.type !== 'SessionRevoked' ? [event.data.expiresAt] : [],
  );
const ids = (sessions: Iterable<{ sessionId: string }>) => [...sessions].map(({ sessionId }) => sessionId);

describe('whatever was asked of an account', () => {
  it('no session that was revoked ever lives again', () => {
    holds((history) => {
      history.events.forEach((_, i) => {
        const events = history.events.slice(0, i + 1);
        const state = foldOf(events);
        for (const id of revokedIds({ events })) expect(state.has(id)).toBe(false);
      });
    });
  });

  it('an extension that comes late revives nothing', () => {
    holds((history) => {
      const state = foldOf(history.events);
      for (const sessionId of revokedIds(history)) {
        const late = { sessionId, expiresAt: '2030-01-01T00:00:00.000Z' };
        expect(evolve(state, { type: 'SessionExtended', data: late })).toEqual(state);
      }
    });
  });

  it('exactly what was issued, not revoked and has not expired is alive', () => {
    holds((history) => {
      const gone = revokedIds(history);
      const expected = issuesOf(history).filter(
        ({ data: { sessionId } }) =>
          !gone.has(sessionId) && expiriesOf(history, sessionId).at(-1)! > history.now,
      );
      const live = liveSessions(foldOf(history.events), history.now);
      expect(ids(live)).toEqual(ids(expected.map(({ data }) => data)));
    });
  });

  it('ending all others leaves exactly the current one', () => {
    holds(({ events, now }) => {
      const state = foldOf(events);
      for (const { sessionId } of liveSessions(state, now)) {
        const revocations = decide(
          { type: 'RevokeOtherSessions', now, currentSessionId: sessionId, reason: 'user_all' },
          state,
        );
        expect(ids(liveSessions(foldOf([...events, ...revocations]), now))).toEqual([sessionId]);
      }
    });
  });

  it('ending all leaves none', () => {
    holds(({ events, now }) => {
      const revocations = decide({ type: 'RevokeAllSessions', now, reason: 'operator' }, foldOf(events));
      expect(liveSessions(foldOf([...events, ...revocations]), now)).toEqual([]);
    });
  });

  it('what has expired is neither listed nor extended nor revoked', () => {
    holds((history) => {
      const state = foldOf(history.events);
      for (const { data } of issuesOf(history)) {
        const { sessionId } = data;
        const now = expiriesOf(history, sessionId).at(-1)!;
        const lifetime = { expiresInSeconds: 600 };
        expect(liveSession(state, sessionId, now)).toBeUndefined();
        expect(ids(liveSessions(state, now))).not.toContain(sessionId);
        expectRefusal('SESSION_NOT_FOUND', { type: 'RevokeSession', now, sessionId, reason: 'user' });
        expectRefusal('SESSION_NOT_FOUND', {
          type: 'ExtendSession',
          now,
          sessionId,
          lifetime,
          maxLifeSeconds: 86_400,
        });
        const all = decide({ type: 'RevokeAllSessions', now, reason: 'operator' }, state);
        expect(ids(all.map((event) => event.data))).not.toContain(sessionId);
      }

      function expectRefusal(code: string, command: AccountSessionCommand) {
        expect(() => decide(command, state)).toThrow(expect.objectContaining({ code }));
      }
    });
  });

  it('a session that was ended asks for nothing any more', () => {
    holds((history) => {
      const state = foldOf(history.events);
      const { now } = history;
      for (const actingSessionId of revokedIds(history)) {
        const acting = { now, actingSessionId, reason: 'user' } as const;
        for (const command of [
          { type: 'RevokeAllSessions', ...acting },
          { type: 'RevokeOtherSessions', ...acting, currentSessionId: actingSessionId },
          { type: 'RevokeSession', ...acting, sessionId: [...state.keys()][0] ?? 'none' },
        ] as const) {
          expect(() => decide(command, state)).toThrow(
            expect.objectContaining({ code: 'ACTING_SESSION_ENDED' }),
          );
        }
      }
    });
  });

  it('no more than the cap are alive, and the oldest gave way', () => {
    holds((history) => {
      let before: History['events'] = [];
      for (const { command, events } of history.steps) {
        const live = ids(liveSessions(foldOf(before), command.now));
        const gaveWay = events.filter(
          ({ type, data }) => type === 'SessionRevoked' && data.reason === 'limit',
        );
        expect(ids(gaveWay.map(({ data }) => data))).toEqual(live.slice(0, gaveWay.length));
        before = [...before, ...events];
        expect(liveSessions(foldOf(before), command.now).length).toBeLessThanOrEqual(CAP);
      }
    });
  });

  it('an expiry is a whole second and never moves back, and a revocation names the last one', () => {
    holds((history) => {
      for (const { data } of issuesOf(history)) {
        const expiries = expiriesOf(history, data.sessionId);
        expect(expiries.every((expiresAt) => expiresAt.endsWith('.000Z'))).toBe(true);
        expect(expiries).toEqual([...new Set(expiries)].sort());
      }
      for (const event of history.events) {
        if (event.type !== 'SessionRevoked') continue;
        const { sessionId, credentialsExpireAt } = event.data;
        expect(credentialsExpireAt).toBe(expiriesOf(history, sessionId).at(-1));
      }
    });
  });

  it('its events fold to the same state each time, at once or in parts, and spoil no state on the way', () => {
    fc.assert(
      fc.property(histories, fc.nat(), ({ events }, n) => {
        const state = foldOf(events);
        const cut = n % (events.length + 1);
        const part = foldOf(events.slice(0, cut));
        const partBefore = new Map(part);
        expect([...events.slice(cut).reduce(evolve, part)]).toEqual([...state]);
        expect(part).toEqual(partBefore);
        expect([...foldOf(events)]).toEqual([...state]);
        expect(accountSessions.initialState.size).toBe(0);
      }),
    );
  });
});
