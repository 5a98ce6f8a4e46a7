import { readFileSync } from 'node:fs';

/** Of the package: `dist/` lies beside its package.json. */
const packageJson = new URL('../../../../package.json', import.meta.url);

export const VERSION = (JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }).version;
