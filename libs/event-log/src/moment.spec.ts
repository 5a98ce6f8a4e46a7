import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { millisecondsSince, moment } from './moment.js';

describe('the time since a moment', () => {
  afterEach(() => void jest.restoreAllMocks());

  it.each([
    ['both clocks ran', 900, 900, 900],
    ['the monotonic clock stood still while the machine slept', 0, 900, 900],
    ['the wall clock was set back', 900, -3_600_000, 900],
  ])('is what the clock says that has gone further: %s', (_, monotonic, wall, passed) => {
    const [performanceNow, dateNow] = [jest.spyOn(performance, 'now'), jest.spyOn(Date, 'now')];
    performanceNow.mockReturnValue(5_000);
    dateNow.mockReturnValue(1_795_000_000_000);
    const then = moment();
    performanceNow.mockReturnValue(5_000 + monotonic);
    dateNow.mockReturnValue(1_795_000_000_000 + wall);
    expect(millisecondsSince(then)).toBe(passed);
  });
});
