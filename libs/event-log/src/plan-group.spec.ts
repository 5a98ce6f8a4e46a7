import { describe, expect, it } from '@jest/globals';
import { newHead } from '../../../test/harness/appends.js';
import { commandKeyText, type Append, type KeyedCommand } from './append.js';
import type { NewEvent } from './event.js';
import { GENESIS_HASH, hashEvent } from './hash-chain.js';
import { planGroup, type LogState } from './plan-group.js';
import type { SubjectKey } from './sealing.js';

const NOW = 1_795_600_000_000;
const head = newHead(NOW - 1_000);

const locked = (rest: Partial<LogState> = {}): LogState => ({
  head,
  now: NOW,
  streams: new Map([['account-a', { version: 5, row: 'a5' }]]),
  row: 'now',
  outcomes: new Map(),
  ...rest,
});

let count = 0;
const event = (type = 'SessionIssued'): NewEvent => ({
  eventId: `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
  type,
  schema: 1,
  data: '{}',
  sealed: null,
  metadata: '{}',
});

const append = (streamId: string, expectedVersion: number | null, ...events: NewEvent[]): Append => ({
  streamId,
  expectedVersion,
  events,
});

const keyed = (key: string, outcome: unknown): KeyedCommand => ({
  principal: 'key_1',
  operation: 'POST /api/sessions',
  key,
  requestHash: Buffer.from(key),
  outcome,
});

describe('a group of appends', () => {
  it('numbers events in the log, in their streams and among the revocations, without a gap', () => {
    const { events, head: after } = planGroup(
      [
        append('account-a', 5, event(), event('SessionRevoked')),
        append('account-b', 0, event('SessionRevoked')),
        append('account-a', 7, event('SessionExtended')),
      ],
      locked(),
    );
    expect(
      events.map(({ position, streamId, version, revocation }) => [position, streamId, version, revocation]),
    ).toEqual([
      [11, 'account-a', 6, null],
      [12, 'account-a', 7, 5],
      [13, 'account-b', 1, 6],
      [14, 'account-a', 8, null],
    ]);
    expect(after).toMatchObject({ position: 14, revocations: 6, revocationsFloor: 2, epoch: 1 });
  });

  it('chains the hashes from the head on, and leaves the last one there', () => {
    const { events, head: after } = planGroup([append('account-a', 5, event(), event())], locked());
    expect(events[0]!.hash).toEqual(hashEvent(head.logId, head.hash, events[0]!));
    expect(events[1]!.hash).toEqual(hashEvent(head.logId, events[0]!.hash, events[1]!));
    expect(after.hash).toEqual(events[1]!.hash);
  });

  it('starts an empty log at position 1', () => {
    const empty = { ...head, position: 0, revocations: 0, hash: GENESIS_HASH };
    const { events } = planGroup([append('account-a', 0, event('SessionRevoked'))], {
      ...locked({ head: empty, streams: new Map() }),
    });
    expect(events[0]).toMatchObject({ position: 1, version: 1, revocation: 1 });
  });

  it('names the last version and position of every stream it touched', () => {
    const { streams } = planGroup(
      [append('account-a', 5, event()), append('account-b', 0, event()), append('account-a', 6, event())],
      locked(),
    );
    expect(Object.fromEntries(streams)).toEqual({
      'account-a': { version: 7, position: 13 },
      'account-b': { version: 1, position: 12 },
    });
  });

  it('gives each append the events that are its own', () => {
    const [a, b] = [event(), event()];
    const { outcomes } = planGroup([append('account-a', 5, a), append('account-b', 0, b)], locked());
    expect(outcomes).toMatchObject([
      { kind: 'appended', events: [{ eventId: a.eventId }], row: 'now' },
      { kind: 'appended', events: [{ eventId: b.eventId }], row: 'now' },
    ]);
  });

  it('refuses what was decided on a row of before the log was put back, though the version is the same', () => {
    const decided = (row: string | null, version: number) => ({
      ...append('account-a', version, event()),
      expectedRow: row,
    });
    const { outcomes } = planGroup(
      [decided('lost', 5), decided('a5', 5), decided('a5', 6), decided(null, 7)],
      locked(),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['conflict', 'appended', 'appended', 'appended']);
  });

  it('keeps the keys that events are sealed under, with their stream', () => {
    const subjectKey: SubjectKey = {
      keyId: 'k',
      month: '2026-11-01',
      wrappedKey: Buffer.alloc(1),
      masterKeyId: 'm',
    };
    const { subjectKeys } = planGroup([{ ...append('account-a', 5, event()), subjectKey }], locked());
    expect(subjectKeys).toEqual([{ ...subjectKey, streamId: 'account-a' }]);
  });
});

describe('two appends to one stream in a group', () => {
  it('see each other: the second conflicts when it was decided on the same version', () => {
    const { outcomes, events } = planGroup(
      [append('account-a', 5, event()), append('account-a', 5, event()), append('account-b', 0, event())],
      locked(),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'conflict', 'appended']);
    expect(events.map(({ position }) => position)).toEqual([11, 12]);
  });

  it('both land when order does not matter', () => {
    const { events } = planGroup([append('audit', null, event()), append('audit', null, event())], locked());
    expect(events.map(({ version }) => version)).toEqual([1, 2]);
  });
});

describe('an append on another version than the stream has', () => {
  it.each([4, 6, 0])('conflicts alone and writes nothing (%i instead of 5)', (expected) => {
    const key: SubjectKey = {
      keyId: 'k',
      month: '2026-11-01',
      wrappedKey: Buffer.alloc(1),
      masterKeyId: 'm',
    };
    const plan = planGroup(
      [
        {
          ...append('account-a', expected, event('SessionRevoked')),
          command: keyed('1', 'x'),
          subjectKey: key,
        },
        append('account-b', 0, event()),
      ],
      locked(),
    );
    expect(plan.outcomes.map(({ kind }) => kind)).toEqual(['conflict', 'appended']);
    expect(plan.events).toHaveLength(1);
    expect(plan.commands).toEqual([]);
    expect(plan.subjectKeys).toEqual([]);
    expect(plan.head.revocations).toBe(4);
  });

  it('conflicts even when it has no events', () => {
    const { outcomes } = planGroup([{ ...append('account-a', 4), command: keyed('1', 'refused') }], locked());
    expect(outcomes).toEqual([{ kind: 'conflict' }]);
  });
});

describe('a keyed command', () => {
  it('is recorded with its outcome and the position of its last event', () => {
    const { commands } = planGroup(
      [{ ...append('account-a', 5, event(), event()), command: keyed('1', { revoked: 2 }) }],
      locked(),
    );
    expect(commands).toEqual([{ ...keyed('1', { revoked: 2 }), streamId: 'account-a', position: 12 }]);
  });

  it('without events is recorded, and the head stays where it was', () => {
    const plan = planGroup(
      [{ ...append('account-a', 5), command: keyed('1', 'SESSION_NOT_FOUND') }],
      locked(),
    );
    expect(plan.outcomes).toMatchObject([{ kind: 'appended', events: [] }]);
    expect(plan.commands).toMatchObject([{ outcome: 'SESSION_NOT_FOUND', position: null }]);
    expect(plan.streams.size).toBe(0);
    expect(plan.head).toEqual(head);
  });

  it('that was answered before gets that outcome, whatever has become of the stream', () => {
    const recorded = { requestHash: Buffer.from('1'), outcome: 'first', position: 3 };
    const outcomes = new Map([[commandKeyText(keyed('1', null)), recorded]]);
    const plan = planGroup([{ ...append('account-a', 2, event()), command: keyed('1', 'second') }], {
      ...locked({ outcomes }),
    });
    expect(plan.outcomes).toEqual([{ kind: 'repeated', ...recorded }]);
    expect(plan.events).toEqual([]);
    expect(plan.commands).toEqual([]);
  });

  it('that stands twice in a group gets the outcome of the first', () => {
    const plan = planGroup(
      [
        { ...append('account-a', 5, event()), command: keyed('1', 'first') },
        { ...append('account-a', 5, event()), command: keyed('1', 'second') },
      ],
      locked(),
    );
    expect(plan.outcomes).toMatchObject([
      { kind: 'appended' },
      { kind: 'repeated', outcome: 'first', position: 11, requestHash: Buffer.from('1') },
    ]);
    expect(plan.events).toHaveLength(1);
    expect(plan.commands).toHaveLength(1);
  });

  it('whose namesake in the group conflicted is taken for itself', () => {
    const plan = planGroup(
      [
        { ...append('account-a', 4, event()), command: keyed('1', 'first') },
        { ...append('account-a', 5, event()), command: keyed('1', 'second') },
      ],
      locked(),
    );
    expect(plan.outcomes.map(({ kind }) => kind)).toEqual(['conflict', 'appended']);
    expect(plan.commands).toMatchObject([{ outcome: 'second' }]);
  });

  it('is another one under another principal or operation', () => {
    const outcomes = new Map([
      [commandKeyText(keyed('1', null)), { requestHash: Buffer.from('1'), outcome: 'first', position: 3 }],
    ]);
    for (const other of [{ principal: 'key_2' }, { operation: 'POST /api/keys' }]) {
      const command = { ...keyed('1', 'second'), ...other };
      const plan = planGroup([{ ...append('account-a', 5, event()), command }], locked({ outcomes }));
      expect(plan.outcomes[0]!.kind).toBe('appended');
    }
  });
});

describe('the time of an append', () => {
  it('is that of PostgreSQL, the same for the whole group', () => {
    const { events, head: after } = planGroup(
      [append('account-a', 5, event()), append('account-b', 0, event())],
      locked(),
    );
    expect(events.map(({ recordedAt }) => recordedAt)).toEqual([NOW, NOW]);
    expect(after.recordedAt).toBe(NOW);
  });

  it('never goes back when the clock does', () => {
    const ahead = { ...head, recordedAt: NOW + 5_000 };
    const { events } = planGroup([append('account-a', 5, event())], locked({ head: ahead }));
    expect(events[0]!.recordedAt).toBe(NOW + 5_000);
  });

  it('stops every append when the log is more than 5 s ahead of the clock', () => {
    const ahead = { ...head, recordedAt: NOW + 5_001 };
    expect(() => planGroup([append('account-a', 5, event())], locked({ head: ahead }))).toThrow(
      expect.objectContaining({ name: 'LogError', code: 'LOG_CLOCK_BEHIND' }),
    );
  });
});
