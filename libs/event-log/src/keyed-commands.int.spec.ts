import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, keyed, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { readHead, readOutcome, readStream } from './read.js';
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

const refused = (streamId: string, version: number, key: string) => ({
  ...append(streamId, version),
  command: keyed(key, { code: 'SESSION_NOT_FOUND' }),
});

describe('a keyed command', () => {
  it('is recorded with its events, its outcome and their last position', async () => {
    const command = keyed('first', { revoked: 2, text: 'é🦊' });
    const outcome = await writer.append({ ...append('account-first', 0, newEvent(), newEvent()), command });
    expect(outcome).toMatchObject({ kind: 'appended' });
    expect(await readOutcome(pool, command)).toEqual({
      requestHash: command.requestHash,
      outcome: command.outcome,
      position: (await readHead(pool)).position,
    });
  });

  it('writes nothing when it is repeated, and gets what the first was answered', async () => {
    const command = keyed('repeated', { revoked: 1 });
    await writer.append({ ...append('account-repeated', 0, newEvent()), command });
    const before = await readHead(pool);
    const again = await writer.append({
      ...append('account-repeated', 0, newEvent()),
      command: { ...command, requestHash: Buffer.from('another body'), outcome: { revoked: 7 } },
    });
    expect(again).toEqual({
      kind: 'repeated',
      principal: command.principal,
      operation: command.operation,
      key: command.key,
      requestHash: command.requestHash,
      outcome: { revoked: 1 },
      position: before.position,
    });
    expect(await readHead(pool)).toEqual(before);
  });

  it('is unknown under another principal or operation', async () => {
    const command = keyed('shared', 'first');
    await writer.append({ ...append('account-shared', 0, newEvent()), command });
    for (const other of [{ principal: 'key_2' }, { operation: 'POST /api/sessions' }]) {
      expect(await readOutcome(pool, { ...command, ...other })).toBeUndefined();
      const outcome = await writer.append({
        ...append('account-shared', null, newEvent()),
        command: { ...command, ...other, outcome: 'mine' },
      });
      expect(outcome.kind).toBe('appended');
    }
  });
});

describe('a refused command with a key', () => {
  it('is recorded and leaves the head where it was', async () => {
    await writer.append(append('account-refused', 0, newEvent()));
    const before = await readHead(pool);
    expect(await writer.append(refused('account-refused', 1, 'refused'))).toMatchObject({
      kind: 'appended',
      events: [],
    });
    expect(await readHead(pool)).toEqual(before);
    expect(await readStream(pool, 'account-refused', 1)).toEqual([]);
    expect(await readOutcome(pool, keyed('refused', null))).toMatchObject({
      outcome: { code: 'SESSION_NOT_FOUND' },
      position: null,
    });
  });

  it('conflicts, unrecorded, when the stream it was decided on has moved on', async () => {
    await writer.append(append('account-late', 0, newEvent()));
    expect(await writer.append(refused('account-late', 0, 'late'))).toEqual({ kind: 'conflict' });
    expect(await readOutcome(pool, keyed('late', null))).toBeUndefined();
  });

  it('for a stream that never was writes no stream', async () => {
    await writer.append(refused('account-nobody', 0, 'nobody'));
    const { rows } = await pool.query(`SELECT FROM event_log.stream WHERE stream_id = 'account-nobody'`);
    expect(rows).toEqual([]);
  });
});

describe('one key used by several processes at once', () => {
  it('is done once, and everybody else gets that outcome', async () => {
    const writers = Array.from({ length: 4 }, () => new LogWriter(database.appUrl));
    for (let round = 0; round < 20; round++) {
      const before = await readHead(pool);
      // Twice at each process, so that some meet in one group.
      const outcomes = await Promise.all(
        [...writers, ...writers].map((one, i) =>
          one.append({ ...append(`account-${i}`, null, newEvent()), command: keyed(`race ${round}`, i) }),
        ),
      );
      const winner = outcomes.findIndex(({ kind }) => kind === 'appended');
      const position = before.position + 1;
      outcomes.forEach((outcome, i) => {
        expect(outcome).toMatchObject(
          i === winner ? { events: [{ position }] } : { kind: 'repeated', outcome: winner, position },
        );
      });
      expect((await readHead(pool)).position).toBe(position);
    }
    await Promise.all(writers.map((one) => one.close()));
    await auditLog(database.ownerUrl);
  });
});
