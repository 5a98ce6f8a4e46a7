import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8');
const STEPS = Array.from({ length: 10 }, (_, i) => i + 1);

describe('following revocations without the library', () => {
  it('is ten steps, and for each docs/events.md says what goes wrong without it', () => {
    const [, section] = read('docs/events.md').split(/^## Follow revocations correctly in ten steps$/m);
    const steps = section!
      .split(/^## /m)[0]!
      .split(/^(?=\d+\. )/m)
      .slice(1);
    expect(steps.map((step) => Number.parseInt(step))).toEqual(STEPS);
    for (const step of steps) expect(step).toMatch(/^\s+_Otherwise_: \S/m);
  });

  it('is less than 100 lines of JavaScript that need a NATS client alone, and show each step', () => {
    const source = read('examples/subscriber.mjs');
    expect(source.trimEnd().split('\n').length).toBeLessThan(100);
    const imported = [...source.matchAll(/from '([^']+)'/g)].map(([, name]) => name!);
    expect(imported.filter((name) => !/^(node:|@nats-io\/)/.test(name))).toEqual([]);
    const shown = [...source.matchAll(/\/\/ ([\d, ]+)$/gm)].flatMap(([, numbers]) => numbers!.split(', '));
    expect([...new Set(shown.map(Number))].toSorted((a, b) => a - b)).toEqual(STEPS);
  });
});
