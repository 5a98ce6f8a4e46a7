import { join } from 'node:path';

/** The top of the clone, seen from `dist/stack/src`. */
export const projectRoot = join(import.meta.dirname, '..', '..', '..');
