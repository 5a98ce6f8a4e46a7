import { createHash } from 'node:crypto';
import type { JsMsg } from '@nats-io/jetstream';
import type { Pool } from 'pg';
import { allTables } from './recorded.js';

/** Every row of every table as one text, bytes as hex, under the table's name. */
export async function databaseTexts(owner: Pool): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const table of await allTables(owner)) {
    const { rows } = await owner.query<{ text: string | null }>(
      `SELECT string_agg(row::text || E'\\n' || to_json(row)::text, E'\\n') AS text FROM ${table} AS row`,
    );
    texts.set(table, rows[0]!.text ?? '');
  }
  return texts;
}

/** Everything that a subscriber gets of a message. */
export function messageText({ subject, headers, data }: JsMsg): string {
  const lines = (headers?.keys() ?? []).map((name) => `${name}: ${headers!.values(name).join(', ')}`);
  return [subject, ...lines, Buffer.from(data).toString()].join('\n');
}

/** The forms in which a text could be lying about: itself, in other codings, and what could be compared with its hash. */
export function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const hash = createHash('sha256').update(bytes).digest();
  return [
    text,
    ...[bytes, hash].flatMap((one) => [
      one.toString('hex'),
      one.toString('base64').replace(/=+$/, ''),
      one.toString('base64url'),
    ]),
  ];
}
