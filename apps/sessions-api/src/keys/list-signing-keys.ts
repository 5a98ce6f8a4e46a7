import type { Pool } from 'pg';
import { livesOf } from '../access/signing-key-lifecycle.js';
import { readSigningKeys } from '../access/signing-key-table.js';

const HEADINGS = ['kid', 'state', 'created', 'signs from', 'published until', 'private half wrapped by'];

/** One line a key, in the order in which they sign. */
export async function listSigningKeys(pool: Pool): Promise<string> {
  const { rows, now } = await readSigningKeys(pool);
  const lines = livesOf(rows, now).map(({ key, state, publishedUntil }) => [
    key.kid,
    state,
    text(key.createdAt),
    text(key.signsFrom),
    publishedUntil ? text(publishedUntil) : '-',
    key.wrappedKey ? key.masterKeyId : '-',
  ]);
  const table = [HEADINGS, ...lines];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const text = (time: Date) => `${time.toISOString().slice(0, 19)}Z`;
