import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { readForward } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
});
afterAll(async () => {
  await writer.close();
  await pool.end();
  await database.drop();
});

const texts = [
  '{"b":1,"a":2}',
  '{ "b" : 1 ,\n\t"a":2.50, "a":3, "big":12345678901234567890.10 }\n',
  '{"é":"\\u00e9 é e\u0301","fox":"🦊 \\ud83e\\udd8a"}',
  '{"empty":"","quote":"\\"\'","slash":"\\/ \\\\","nul":"\\\\u0000"}',
  '{"braces":"{a,b}","commas":",NULL,null,\\"NULL\\""}',
  '{"bidi":"\u202e\u200b\ufeff","line":"\u2028"}',
  'NULL',
  '',
];

describe('the text of an event', () => {
  it('comes back byte for byte, alone and in a group', async () => {
    const appends = texts.map((data, i) =>
      append(`account-${data}`, 0, newEvent({ data, metadata: texts.at(-1 - i)! })),
    );
    await writer.append(appends[0]!);
    await Promise.all(appends.slice(1).map((one) => writer.append(one)));
    const events = await readForward(pool, 0, 100);
    expect(events.map(({ data, metadata, streamId }) => [data, metadata, streamId])).toEqual(
      texts.map((data, i) => [data, texts.at(-1 - i), `account-${data}`]),
    );
  });

  it('is in the table as it is, and in the hash', async () => {
    const { rows } = await pool.query<{ bytes: Buffer }>(
      `SELECT convert_to(data, 'UTF8') AS bytes FROM event_log.event ORDER BY position LIMIT $1`,
      [texts.length],
    );
    expect(rows.map(({ bytes }) => bytes.toString())).toEqual(texts);
    await auditLog(database.ownerUrl);
  });
});

describe('sealed bytes', () => {
  it('come back as they were, nothing as nothing and empty as empty', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const boxes = [null, Buffer.alloc(0), every, Buffer.alloc(3_000, 0x5c)];
    const before = (await readForward(pool, 0, 1_000)).length;
    await writer.append(append('account-sealed', 0, ...boxes.map((sealed) => newEvent({ sealed }))));
    const events = await readForward(pool, before, 10);
    expect(events.map(({ sealed }) => sealed)).toEqual(boxes);
    await auditLog(database.ownerUrl);
  });
});
