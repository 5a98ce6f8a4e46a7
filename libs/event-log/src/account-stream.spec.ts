import { describe, expect, it } from '@jest/globals';
import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import { extended, issued, revoked } from '../../../test/harness/account-sessions.js';
import { accountSnapshot } from './account-snapshot.js';
import { accountIdOf, accountStream, accountStreamId } from './account-stream.js';
import type { RecordedEvent } from './event.js';

const streamId = accountStreamId('alice');

const recorded = (event: AccountSessionEvent, i: number): RecordedEvent => ({
  position: 100 + i,
  streamId,
  version: i + 1,
  eventId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  type: event.type,
  schema: 1,
  data: JSON.stringify(event.data),
  sealed: event.type === 'SessionIssued' ? Buffer.from([1, i, 0xff]) : null,
  metadata: '{}',
  recordedAt: 0,
  revocation: null,
  hash: Buffer.alloc(32),
});

const foldOf = (...events: AccountSessionEvent[]) =>
  events.map(recorded).reduce(accountStream.apply, accountStream.initialState);

const issueAt = (i: number) => {
  const { position, eventId, type, sealed } = recorded(issued('any'), i);
  return { position, streamId, eventId, type, sealed };
};

describe('folding the stream of an account', () => {
  it('knows of each living session where it was issued and what is sealed there', () => {
    const { sessions, issues } = foldOf(issued('a'), issued('b'), extended('a', '2026-11-25T00:00:00.000Z'));
    expect([...sessions.keys()]).toEqual(['a', 'b']);
    expect(sessions.get('a')!.expiresAt).toBe('2026-11-25T00:00:00.000Z');
    expect(issues).toEqual(
      new Map([
        ['a', issueAt(0)],
        ['b', issueAt(1)],
      ]),
    );
  });

  it('forgets that with the session', () => {
    const { sessions, issues } = foldOf(issued('a'), issued('b'), revoked('a', 'user'));
    expect([...sessions.keys()]).toEqual(['b']);
    expect(issues).toEqual(new Map([['b', issueAt(1)]]));
  });

  it('comes to as many parts as there are living sessions', () => {
    const state = foldOf(issued('a'), issued('b'), issued('c'), revoked('a', 'user'));
    expect(accountStream.partsOf!(state)).toBe(2);
  });
});

describe('a snapshot of that fold', () => {
  it('comes back as it was', () => {
    const state = foldOf(issued('a'), issued('b'), revoked('a', 'user'), issued('c'));
    const back = accountSnapshot.decode(accountSnapshot.encode(state))!;
    expect([...back.sessions]).toEqual([...state.sessions]);
    expect([...back.issues]).toEqual([...state.issues]);
  });

  it('keeps nothing apart from something empty', () => {
    const state = foldOf(issued('a'), issued('b'));
    const issues = new Map([
      ['a', { ...issueAt(0), sealed: null }],
      ['b', { ...issueAt(1), sealed: Buffer.alloc(0) }],
    ]);
    const back = accountSnapshot.decode(accountSnapshot.encode({ ...state, issues }))!;
    expect([...back.issues.values()].map(({ sealed }) => sealed)).toEqual([null, Buffer.alloc(0)]);
  });

  it('folds on to the same state as without it', () => {
    const events = [
      issued('a'),
      issued('b'),
      revoked('a', 'user'),
      extended('b', '2026-11-25T00:00:00.000Z'),
    ];
    const first = accountSnapshot.decode(accountSnapshot.encode(foldOf(...events.slice(0, 2))))!;
    const second = events.map(recorded).slice(2).reduce(accountStream.apply, first);
    expect(second).toEqual(foldOf(...events));
  });

  it('of another format is not read', () => {
    const other = Buffer.from(JSON.stringify({ format: 2, sessions: [] }));
    expect(accountSnapshot.decode(other)).toBeNull();
  });
});

describe('the name of the stream of an account', () => {
  it('is the account behind a prefix, whatever the account is called', () => {
    for (const accountId of ['alice', 'account-alice', 'key-1', '🦊']) {
      expect(accountIdOf(accountStreamId(accountId))).toBe(accountId);
    }
  });

  it('is no account for other streams', () => {
    expect(['key-1', 'audit', 'xaccount-1'].map(accountIdOf)).toEqual([null, null, null]);
  });
});
