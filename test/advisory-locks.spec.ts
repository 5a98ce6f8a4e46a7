import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..');

const sources = ['apps', 'libs', 'stack'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && !path.includes('node_modules'))
    .map((path) => join(root, folder, path)),
);

describe('the advisory locks of a database', () => {
  it('have a number each: whoever took that of another would wait for it for ever', () => {
    const locks = sources.flatMap((path) => readFileSync(path, 'utf8').match(/\b51_600_\d{3}\b/g) ?? []);
    expect(locks.length).toBeGreaterThan(5);
    expect(locks.toSorted()).toEqual([...new Set(locks)].toSorted());
  });
});
