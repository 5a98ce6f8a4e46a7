import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describeUserAgent } from './user-agent.js';

const NOTHING = { browser: 'Unknown', os: 'Unknown', device: 'Unknown' };

const table = readFileSync(new URL('user-agent.table.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => line.split(' | ') as [browser: string, os: string, device: string, userAgent: string]);

const words = [...new Set(table.flatMap(([, , , userAgent]) => userAgent.split(/(?<=[ /;()])|(?=[ /;()])/)))];

const atMost2048 = (text: string) => [...text].slice(0, 2_048).join('');

describe('a user agent', () => {
  it.each(table)('is %s on %s (%s) when it says %s', (browser, os, device, userAgent) => {
    expect(describeUserAgent(userAgent)).toEqual({ browser, os, device });
  });

  it.each(['', ' ', '🦊', '\0', 'x'.repeat(2_048), '()', ';;;', '/1', '💥/1.0 (💥)', 'mozilla 💥/1 (x'])(
    'of which nothing can be said is Unknown (%j)',
    (userAgent) => {
      expect(describeUserAgent(userAgent)).toEqual(NOTHING);
    },
  );

  it('that was not given or was erased is null', () => {
    expect(describeUserAgent(null)).toEqual({ browser: null, os: null, device: null });
  });

  it('of any kind is told by three short names that are safe to print', () => {
    const userAgents = fc.oneof(
      fc.string({ maxLength: 2_048, size: 'max' }),
      fc.string({ unit: 'binary', maxLength: 2_048, size: 'max' }),
      fc
        .array(fc.constantFrom(...words), { maxLength: 300, size: 'max' })
        .map((all) => atMost2048(all.join(''))),
    );
    fc.assert(
      fc.property(userAgents, (userAgent) => {
        for (const name of Object.values(describeUserAgent(userAgent))) {
          expect(name).toMatch(/^[\x21-\x7e][\x20-\x7e]{0,199}$/);
        }
      }),
      { numRuns: 200 },
    );
  });

  // The slowest of 800,000 strings that were made to be slow took 0.8 ms.
  it('that repeats any word of the table up to the limit is told in no time', () => {
    for (const word of words) {
      const userAgents = ['', 'Mozilla/5.0 ('].map((start) =>
        atMost2048(start + word.repeat(2_048 / word.length)),
      );
      for (const userAgent of userAgents) expect(fastestOfThree(userAgent)).toBeLessThan(50);
    }
  });
});

function fastestOfThree(userAgent: string) {
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    describeUserAgent(userAgent);
    return performance.now() - start;
  });
  return Math.min(...times);
}
