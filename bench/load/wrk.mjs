import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const script = join(import.meta.dirname, 'wrk.lua');

/**
 * As many requests as `connections` can send one after another for so long: `requests` are the bytes of each, sent each
 * once or over and over again. `sent` is how many of them were.
 */
export async function closedLoopOverHttp(
  port,
  requests,
  { folder, connections = 32, seconds, once = false },
) {
  const file = join(folder, `requests-${port}`);
  await writeFile(file, requests.map((request) => `${request}\0`).join(''));
  const load = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s'];
  const sent = ['-s', script, `http://127.0.0.1:${port}`, '--', file, once ? 'once' : 'again'];
  const { stdout } = await promisify(execFile)('wrk', [...load, ...sent]);
  const told = JSON.parse(stdout.trim().split('\n').at(-1));
  if (told.broken > 0) throw new Error(`${told.broken} connections broke:\n${stdout}`);
  return told;
}
