import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Lease } from './lease.js';
import { moment } from './moment.js';

let monotonic = 0;
let wall = 0;

beforeEach(() => {
  monotonic = 1_000;
  wall = Date.parse('2026-11-24T08:00:00Z');
  jest.spyOn(performance, 'now').mockImplementation(() => monotonic);
  jest.spyOn(Date, 'now').mockImplementation(() => wall);
});
afterEach(() => void jest.restoreAllMocks());

const pass = (ms: number) => {
  monotonic += ms;
  wall += ms;
};

/** A lease that was renewed by a head asked for now. */
const renewed = () => {
  const lease = new Lease();
  lease.offer(moment(), 0, 0);
  lease.settle(0);
  return lease;
};

describe('a lease', () => {
  it('that was never renewed is as stale as can be', () => {
    expect(new Lease().staleness()).toBe(Infinity);
  });

  it('counts from the moment of the question, however late the answer comes', () => {
    const lease = new Lease();
    const askedAt = moment();
    pass(4_000);
    lease.offer(askedAt, 7, 70);
    lease.settle(7);
    expect(lease.staleness()).toBe(4_000);
  });

  it('is not renewed while something is missing, and then by the question after which it was', () => {
    const lease = renewed();
    pass(100);
    lease.offer(moment(), 8, 80);
    pass(100);
    lease.offer(moment(), 9, 90);
    expect(lease.settle(7)).toBe(false);
    expect(lease.staleness()).toBe(200);
    expect(lease.settle(8)).toBe(true);
    expect(lease.staleness()).toBe(100);
    expect(lease.position).toBe(80);
    expect(lease.settle(9)).toBe(true);
    expect(lease.staleness()).toBe(0);
    expect(lease.position).toBe(90);
  });

  it('ages by the wall clock when the machine has slept', () => {
    const lease = renewed();
    wall += 60_000;
    expect(lease.staleness()).toBe(60_000);
  });

  it('ages by the monotonic clock when the wall clock was set back', () => {
    const lease = renewed();
    monotonic += 60_000;
    wall -= 3_600_000;
    expect(lease.staleness()).toBe(60_000);
  });
});
