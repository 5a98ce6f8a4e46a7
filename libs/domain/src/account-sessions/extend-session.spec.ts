import { describe, it } from '@jest/globals';
import { at, extended, given, issued, revoked } from '../../../../test/harness/account-sessions.js';
import type { ExtendSession } from './decider.js';

const now = at('10:00:00.250');
const HOURS = 3_600;

const extend = (rest: Partial<ExtendSession> = {}): ExtendSession => ({
  type: 'ExtendSession',
  now,
  sessionId: 'a',
  lifetime: { expiresAt: at('22:00:00.000') },
  maxLifeSeconds: 15 * HOURS,
  ...rest,
});

describe('extending a session', () => {
  it('records the new expiry', () => {
    given(issued('a'))
      .when(extend())
      .expect(extended('a', at('22:00:00.000')));
  });

  it('counts a given number of seconds from now, rounded down', () => {
    given(issued('a'))
      .when(extend({ lifetime: { expiresInSeconds: 11 * HOURS } }))
      .expect(extended('a', at('21:00:00.000')));
  });

  it('records nothing when the session lives as long already', () => {
    given(issued('a'))
      .when(extend({ lifetime: { expiresAt: at('20:00:00.999') } }))
      .expectNothing();
  });

  it('records nothing rather than shorten the session', () => {
    given(issued('a'), extended('a', at('22:00:00.000')))
      .when(extend({ lifetime: { expiresAt: at('21:00:00.000') } }))
      .expectNothing();
  });

  it('may reach the longest life exactly', () => {
    given(issued('a', { from: at('08:00:00.900') }))
      .when(extend({ lifetime: { expiresAt: at('23:00:00.000') } }))
      .expect(extended('a', at('23:00:00.000')));
  });

  it('is refused beyond the longest life, counted from the issue', () => {
    given(issued('a', { from: at('08:00:00.900') }), extended('a', at('22:00:00.000')))
      .when(extend({ lifetime: { expiresAt: at('23:00:01.000') } }))
      .expectRefusal('SESSION_LIFETIME_INVALID', 'expiresAt');
  });

  it('names the field that was given', () => {
    given(issued('a'))
      .when(extend({ lifetime: { expiresInSeconds: 14 * HOURS } }))
      .expectRefusal('SESSION_LIFETIME_INVALID', 'expiresInSeconds');
  });

  it('is refused when no such session was issued', () => {
    given(issued('b')).when(extend()).expectRefusal('SESSION_NOT_FOUND');
  });

  it('is refused when the session has ended', () => {
    given(issued('a'), revoked('a', 'user')).when(extend()).expectRefusal('SESSION_NOT_FOUND');
  });

  it('is refused from the moment of its expiry on', () => {
    given(issued('a', { until: at('10:00:01.000') }))
      .when(extend({ now: at('10:00:00.999') }))
      .expect(extended('a', at('22:00:00.000')));
    given(issued('a', { until: at('10:00:01.000') }))
      .when(extend({ now: at('10:00:01.000') }))
      .expectRefusal('SESSION_NOT_FOUND');
  });
});
