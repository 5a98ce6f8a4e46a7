import { describe, it } from '@jest/globals';
import { at, extended, given, issued, revoked } from '../../../../test/harness/account-sessions.js';
import type { RevokeAllSessions, RevokeOtherSessions, RevokeSession } from './decider.js';

const now = at('10:00:00.250');
const expired = issued('old', { until: at('10:00:00.000') });

const revoke = (rest: Partial<RevokeSession> = {}): RevokeSession => ({
  type: 'RevokeSession',
  now,
  sessionId: 'a',
  reason: 'user',
  ...rest,
});

const revokeOthers = (rest: Partial<RevokeOtherSessions> = {}): RevokeOtherSessions => ({
  type: 'RevokeOtherSessions',
  now,
  currentSessionId: 'a',
  actingSessionId: 'a',
  reason: 'user_all',
  ...rest,
});

const revokeAll = (rest: Partial<RevokeAllSessions> = {}): RevokeAllSessions => ({
  type: 'RevokeAllSessions',
  now,
  reason: 'operator',
  ...rest,
});

describe('ending a session', () => {
  it('records SessionRevoked with the reason', () => {
    given(issued('a'), issued('b')).when(revoke()).expect(revoked('a', 'user'));
  });

  it('names the latest expiry that was ever signed for it', () => {
    given(issued('a'), extended('a', at('22:00:00.000')))
      .when(revoke({ reason: 'policy' }))
      .expect(revoked('a', 'policy', at('22:00:00.000')));
  });

  it('may end the session that asks', () => {
    given(issued('a'))
      .when(revoke({ actingSessionId: 'a' }))
      .expect(revoked('a', 'user'));
  });

  it('is refused when no such session was issued', () => {
    given(issued('b')).when(revoke()).expectRefusal('SESSION_NOT_FOUND');
  });

  it('is refused when it has already ended', () => {
    given(issued('a'), revoked('a', 'user')).when(revoke()).expectRefusal('SESSION_NOT_FOUND');
  });

  it('is refused when it has expired', () => {
    given(expired)
      .when(revoke({ sessionId: 'old' }))
      .expectRefusal('SESSION_NOT_FOUND');
  });

  it('is refused when the session that asks has ended, whatever it asks for', () => {
    given(issued('a'), issued('b'), revoked('b', 'user'))
      .when(revoke({ actingSessionId: 'b' }))
      .expectRefusal('ACTING_SESSION_ENDED');
    given(issued('b'), revoked('b', 'user'))
      .when(revoke({ sessionId: 'unknown', actingSessionId: 'b' }))
      .expectRefusal('ACTING_SESSION_ENDED');
  });

  it('is refused when the session that asks has expired', () => {
    given(issued('a'), expired)
      .when(revoke({ actingSessionId: 'old' }))
      .expectRefusal('ACTING_SESSION_ENDED');
  });
});

describe('ending all other sessions', () => {
  it('records one revocation for each of them, oldest first', () => {
    given(issued('b'), issued('a'), issued('c'))
      .when(revokeOthers())
      .expect(revoked('b', 'user_all'), revoked('c', 'user_all'));
  });

  it('records nothing when there is no other', () => {
    given(issued('a')).when(revokeOthers()).expectNothing();
  });

  it('passes over what has ended or expired', () => {
    given(expired, issued('a'), issued('b'), revoked('b', 'user')).when(revokeOthers()).expectNothing();
  });

  it('is refused when the session that asks has ended', () => {
    given(issued('a'), issued('b'), revoked('a', 'user_all'))
      .when(revokeOthers())
      .expectRefusal('ACTING_SESSION_ENDED');
  });
});

describe('ending all sessions', () => {
  it('records one revocation for each, oldest first', () => {
    given(issued('b'), issued('a'))
      .when(revokeAll())
      .expect(revoked('b', 'operator'), revoked('a', 'operator'));
  });

  it('includes the session that asks', () => {
    given(issued('a'), issued('b'))
      .when(revokeAll({ actingSessionId: 'a', reason: 'user_all' }))
      .expect(revoked('a', 'user_all'), revoked('b', 'user_all'));
  });

  it('records nothing when none is alive', () => {
    given().when(revokeAll()).expectNothing();
    given(expired, issued('a'), revoked('a', 'user')).when(revokeAll()).expectNothing();
  });

  it('is refused when the session that asks has ended', () => {
    given(issued('a'), issued('b'), revoked('a', 'user'))
      .when(revokeAll({ actingSessionId: 'a' }))
      .expectRefusal('ACTING_SESSION_ENDED');
  });
});
