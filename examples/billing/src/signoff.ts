import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const projectRoot = join(import.meta.dirname, '../../../..');

/** Where the Signoff of `npm start` is, and what lets one act for its demo account. */
export interface Signoff {
  readonly apiUrl: string;
  readonly natsUrl: string;
  readonly serviceKey: string;
}

/** What `npm start` has kept of its demo. */
export async function findSignoff(): Promise<Signoff> {
  const file = resolve(projectRoot, process.env.DATA_DIR ?? '.data', 'demo.json');
  const demo = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<Signoff>;
  const { apiUrl, natsUrl, serviceKey } = demo;
  if (!apiUrl || !natsUrl || !serviceKey) {
    throw new Error(`No Signoff is to be found by ${file}: let npm start run in another terminal`);
  }
  return { apiUrl, natsUrl, serviceKey };
}
