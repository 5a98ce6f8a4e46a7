import { describe, it } from '@jest/globals';
import { at, given, issued, revoked } from '../../../../test/harness/account-sessions.js';
import type { IssueSession } from './decider.js';

const now = at('10:00:00.250');

const issue = (rest: Partial<IssueSession> = {}): IssueSession => ({
  type: 'IssueSession',
  now,
  sessionId: 'new',
  lifetime: { expiresInSeconds: 3_600 },
  sessionsPerAccount: 3,
  maxLifeSeconds: 7_776_000,
  ...rest,
});

const issuedNew = issued('new', { from: now, until: at('11:00:00.000') });

describe('issuing a session', () => {
  it('records SessionIssued with the time of the decision and a whole second of expiry', () => {
    given().when(issue()).expect(issuedNew);
  });

  it('rounds a given expiry down to the second', () => {
    const until = { expiresAt: at('11:30:00.999') };
    given()
      .when(issue({ lifetime: until }))
      .expect(issued('new', { from: now, until: at('11:30:00.000') }));
  });

  it('leaves the other sessions alone below the cap', () => {
    given(issued('a'), issued('b')).when(issue()).expect(issuedNew);
  });

  it('is refused when the lifetime is out of bounds', () => {
    given()
      .when(issue({ lifetime: { expiresInSeconds: 59 } }))
      .expectRefusal('SESSION_LIFETIME_INVALID', 'expiresInSeconds');
  });
});

describe('issuing a session when the account has as many as it may have', () => {
  it('ends the oldest in the same append, before the new one', () => {
    given(issued('a'), issued('b'), issued('c')).when(issue()).expect(revoked('a', 'limit'), issuedNew);
  });

  it('goes by the order of issue and not by expiry', () => {
    given(issued('a', { until: at('23:00:00.000') }), issued('b', { until: at('11:00:00.000') }), issued('c'))
      .when(issue())
      .expect(revoked('a', 'limit', at('23:00:00.000')), issuedNew);
  });

  it('ends no session for one that has expired or was ended', () => {
    given(
      issued('a', { until: at('09:00:00.000') }),
      issued('b'),
      issued('c'),
      revoked('c', 'user'),
      issued('d'),
    )
      .when(issue())
      .expect(issuedNew);
  });

  it('ends as many as it takes when the cap was lowered', () => {
    given(issued('a'), issued('b'), issued('c'))
      .when(issue({ sessionsPerAccount: 1 }))
      .expect(revoked('a', 'limit'), revoked('b', 'limit'), revoked('c', 'limit'), issuedNew);
  });
});
