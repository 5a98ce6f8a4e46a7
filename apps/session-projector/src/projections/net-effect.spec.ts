import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import { extended, issued, revoked } from '../../../../test/harness/account-sessions.js';
import { histories } from '../../../../test/harness/histories.js';
import type { ProjectedEvent } from '../projection.js';
import { netEffect } from './net-effect.js';

const projected = (events: readonly AccountSessionEvent[], from = 1): ProjectedEvent[] =>
  events.map(({ type, data }, i) => ({
    type,
    data: { ...data },
    position: from + i,
    eventId: `event ${from + i}`,
    streamId: 'account-alice',
    hash: Buffer.alloc(32),
    metadata: '{}',
    recordedAt: 0,
  }));

const effectOf = (...events: AccountSessionEvent[]) => netEffect(projected(events));

const LATER = '2026-11-24T22:00:00.000Z';

describe('the net effect of a batch', () => {
  it('is a session with its account, where it was issued, and its latest end', () => {
    expect(effectOf(issued('a'), extended('a', LATER))).toMatchObject({
      issued: [{ sessionId: 'a', accountId: 'alice', expiresAt: LATER, issuedPosition: 1 }],
      extended: new Map(),
      ended: new Set(),
    });
  });

  it('is the latest end of a session that was there before', () => {
    expect(effectOf(extended('a', '2026-11-24T21:00:00.000Z'), extended('a', LATER))).toEqual({
      issued: [],
      extended: new Map([['a', LATER]]),
      ended: new Set(),
    });
  });

  it.each([
    ['was issued', [issued('a')]],
    ['was issued and extended', [issued('a'), extended('a', LATER)]],
    ['was extended', [extended('a', LATER)]],
    ['was there', []],
  ])('leaves nothing of a session that %s and then ended', (_, before) => {
    expect(effectOf(...before, revoked('a', 'user'))).toEqual({
      issued: [],
      extended: new Map(),
      ended: new Set(['a']),
    });
  });

  it('is not revived by an extension that comes too late', () => {
    expect(effectOf(revoked('a', 'user'), extended('a', LATER))).toMatchObject({
      issued: [],
      extended: new Map(),
      ended: new Set(['a']),
    });
  });

  it('is nothing for events that are not about sessions', () => {
    const event = { type: 'ApiKeyCreated', data: { keyId: 'key_1' } } as unknown as AccountSessionEvent;
    expect(effectOf(event)).toEqual({ issued: [], extended: new Map(), ended: new Set() });
  });

  it('is the same, however the events are cut into batches', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (history, sizes) => {
        const whole = apply(new Map(), projected(history.events));
        const cut = new Map<string, unknown>();
        for (let at = 0, i = 0; at < history.events.length; i++) {
          const size = sizes[i % sizes.length]!;
          apply(cut, projected(history.events.slice(at, at + size), at + 1));
          at += size;
        }
        const oneByOne = new Map<string, unknown>();
        history.events.forEach((event, i) => apply(oneByOne, projected([event], i + 1)));
        expect(cut).toEqual(oneByOne);
        expect(whole).toEqual(oneByOne);
      }),
    );
  });
});

/** As the statement does it. */
function apply(rows: Map<string, unknown>, events: readonly ProjectedEvent[]): Map<string, unknown> {
  const { issued, extended, ended } = netEffect(events);
  for (const id of ended) rows.delete(id);
  for (const [id, expiresAt] of extended) {
    if (rows.has(id)) rows.set(id, { ...(rows.get(id) as object), expiresAt });
  }
  for (const { sessionId, accountId, issuedAt, expiresAt, issuedPosition } of issued) {
    rows.set(sessionId, { accountId, issuedAt, expiresAt, position: issuedPosition });
  }
  return rows;
}
