import { describe, expect, it } from '@jest/globals';
import { isTraceparent, traceparentIn } from './traceparent.js';

const GOOD = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a traceparent', () => {
  it.each([GOOD, GOOD.replace(/01$/, '00'), GOOD.replace(/^00/, '01')])('is %s', (text) => {
    expect(isTraceparent(text)).toBe(true);
  });

  it.each([
    undefined,
    '',
    [GOOD, GOOD],
    GOOD.toUpperCase(),
    `${GOOD}\r\nx: y`,
    `${GOOD}-more`,
    GOOD.replace(/^00/, 'ff'),
    GOOD.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    GOOD.replace('00f067aa0ba902b7', '0'.repeat(16)),
  ])('is not %j', (value) => {
    expect(isTraceparent(value)).toBe(false);
  });
});

describe('the trace of an event', () => {
  it('stands in its metadata', () => {
    expect(traceparentIn(JSON.stringify({ requestId: 'r', traceparent: GOOD }))).toBe(GOOD);
  });

  it('is none where the metadata has none, or no good one', () => {
    expect(traceparentIn('{}')).toBeUndefined();
    expect(traceparentIn(JSON.stringify({ traceparent: `${GOOD}\r\n` }))).toBeUndefined();
  });

  it('is never taken from another value that looks like it', () => {
    const actor = { id: `"traceparent":"${GOOD}"` };
    expect(traceparentIn(JSON.stringify({ actor, '"traceparent"': GOOD }))).toBeUndefined();
    expect(traceparentIn(JSON.stringify({ actor: { traceparent: GOOD } }))).toBeUndefined();
  });
});
