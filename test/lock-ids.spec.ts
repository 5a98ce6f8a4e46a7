import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..');

describe('the advisory locks', () => {
  it('have a number each: two that share one would wait for each other for ever', () => {
    const numbers = ['apps', 'libs'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => /\/src\/.*\.ts$/.test(path) && !path.endsWith('.spec.ts'))
        .flatMap((path) => readFileSync(join(root, folder, path), 'utf8').match(/\b51_600_\d{3}\b/g) ?? []),
    );
    expect(numbers.length).toBeGreaterThan(5);
    expect(numbers.toSorted()).toEqual([...new Set(numbers)].toSorted());
  });
});
