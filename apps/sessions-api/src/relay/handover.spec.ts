import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '#event-log/event.js';
import { Handover } from './handover.js';

const hashOf = (position: number, log = 'a') => Buffer.from(`${log}${position}`);
const head = (position: number, log?: string) => ({ position, hash: hashOf(position, log) });
const event = (position: number, log?: string) => head(position, log) as RecordedEvent;
const group = (first: number, last = first, log?: string) => ({
  behind: head(first - 1, log),
  events: Array.from({ length: last - first + 1 }, (_, i) => event(first + i, log)),
});

function offered(...groups: ReturnType<typeof group>[]): Handover {
  const handover = new Handover();
  groups.forEach((one) => handover.offer(one));
  return handover;
}

describe('what a process hands over to its relay', () => {
  it('is all that it has committed behind the last event that was published, once', () => {
    const handover = offered(group(4, 5), group(6), group(7, 9));
    expect(handover.take(3, hashOf(3))).toEqual([4, 5, 6, 7, 8, 9].map((position) => event(position)));
    expect(handover.isEmpty).toBe(true);
    expect(handover.take(9, hashOf(9))).toBeNull();
  });

  it('leaves out what was published meanwhile', () => {
    expect(offered(group(4, 5), group(6)).take(5, hashOf(5))).toEqual([event(6)]);
    expect(offered(group(4, 5)).take(5, hashOf(5))).toBeNull();
  });

  it.each([
    ['another process committed before it', () => offered(group(5)), 3],
    ['another process committed in between', () => offered(group(4), group(6)), 3],
    ['only a part of a group was published', () => offered(group(4, 6)), 4],
    ['the log was put back, and other events lead to it', () => offered(group(4, 4, 'b')), 3],
    ['the log was put back in between', () => offered(group(4), group(5, 5, 'b')), 3],
    ['it is more than a batch', () => offered(group(4, 400), group(401, 600)), 3],
    ['a part was forgotten, since it was more', () => offered(group(4, 600), group(601)), 3],
  ])('is nothing where %s', (_, handover, position) => {
    const it = handover();
    expect(it.take(position, hashOf(position))).toBeNull();
    expect(it.isEmpty).toBe(true);
  });
});
