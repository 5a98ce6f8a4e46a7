import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import type { AppendOutcome } from './append.js';
import { createPool } from './connection.js';
import { readHead, readStream } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

afterEach(() => {
  jest.restoreAllMocks();
});

const eventsOf = (outcome: AppendOutcome) => (outcome.kind === 'appended' ? outcome.events : []);

describe('a group of appends', () => {
  const grouped = async (use: (writer: LogWriter, sizes: number[]) => Promise<void>) => {
    const sizes: number[] = [];
    const writer = new LogWriter(database.appUrl, {
      committed: ({ outcomes }) => void sizes.push(outcomes.length),
    });
    try {
      await use(writer, sizes);
    } finally {
      await writer.close();
    }
  };

  const some = (writer: LogWriter, length: number) =>
    Array.from({ length }, () => writer.append(append('account-group', null, newEvent())));

  it('forms of what is appended in one turn', async () => {
    await grouped(async (writer, sizes) => {
      await Promise.all(some(writer, 50));
      expect(sizes).toEqual([50]);
    });
  });

  it('forms of what waits while a commit is under way', async () => {
    await grouped(async (writer, sizes) => {
      const first = some(writer, 1);
      await setImmediate();
      await Promise.all([
        ...first,
        ...some(writer, 20),
        setImmediate().then(() => Promise.all(some(writer, 29))),
      ]);
      expect(sizes).toEqual([1, 49]);
    });
  });

  it('is sent before anything is made of the outcomes of the one before', async () => {
    await grouped(async (writer, sizes) => {
      const heard = some(writer, 1)[0]!.then(() => undefined);
      const used = heard.then(() => [writer.queued, ...sizes]);
      await setImmediate();
      const next = some(writer, 3);
      expect(writer.queued).toBe(3);
      expect(await used).toEqual([0, 1]);
      await Promise.all(next);
    });
  });

  it('has appends to one stream see each other', async () => {
    await grouped(async (writer, sizes) => {
      const outcomes = await Promise.all([
        writer.append(append('account-first', 0, newEvent())),
        writer.append(append('account-seen', 0, newEvent())),
        writer.append(append('account-seen', 0, newEvent())),
        writer.append(append('account-seen', 1, newEvent())),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'appended', 'conflict', 'appended']);
      expect(sizes).toEqual([4]);
      await auditLog(database.ownerUrl);
    });
  });

  it.each([
    ['violates a constraint', (id: string) => newEvent({ eventId: id }), '23505'],
    ['holds what PostgreSQL cannot store', () => newEvent({ data: '"\0"' }), '22021'],
  ])('loses only the append that %s', async (_, badEvent, code) => {
    await grouped(async (writer, sizes) => {
      const first = await writer.append(append('account-good', null, newEvent()));
      const before = await readHead(pool);
      const bad = append('account-bad', null, badEvent(eventsOf(first)[0]!.eventId));
      const results = await Promise.allSettled([
        writer.append(append('account-good', null, newEvent())),
        writer.append(append('account-good', null, newEvent())),
        writer.append(bad),
        writer.append(append('account-good', null, newEvent())),
      ]);
      expect(results).toMatchObject([
        { status: 'fulfilled', value: { events: [{ position: before.position + 1 }] } },
        { status: 'fulfilled', value: { events: [{ position: before.position + 2 }] } },
        { status: 'rejected', reason: { code } },
        { status: 'fulfilled', value: { events: [{ position: before.position + 3 }] } },
      ]);
      expect(sizes).toEqual([1, 1, 1, 1]);
      expect(await readStream(pool, 'account-bad', 0)).toEqual([]);
      await auditLog(database.ownerUrl);
    });
  });

  it('is refused when 10,000 appends wait already, and those are still written', async () => {
    await grouped(async (writer) => {
      const before = await readHead(pool);
      const accepted = Array.from({ length: 10_000 }, () =>
        writer.append(append('account-flood', null, newEvent())),
      );
      expect(writer.queued).toBe(10_000);
      await expect(writer.append(append('account-flood', null, newEvent()))).rejects.toMatchObject({
        code: 'LOG_BUSY',
      });
      await Promise.all(accepted);
      expect((await readHead(pool)).position).toBe(before.position + 10_000);
    });
  });

  it.each([
    [9_900, 'still written'],
    [10_100, 'refused, and nothing of it is written'],
  ])('is, when the log was locked for the %i ms that it waited, %s', async (waitedMs) => {
    await grouped(async (writer) => {
      const before = await readHead(pool);
      const owner = createPool(database.ownerUrl, { max: 1 });
      await owner.query('BEGIN; SELECT FROM event_log.head FOR UPDATE');
      const first = writer.append(append('account-late', null, newEvent()));
      await setImmediate();
      const second = writer.append(append('account-late', null, newEvent())).catch((error: unknown) => error);
      const arrived = performance.now();
      jest.spyOn(performance, 'now').mockReturnValue(arrived + waitedMs);
      await owner.query('COMMIT');
      await owner.end();
      await first;
      const written = waitedMs < 10_000;
      expect(await second).toMatchObject(written ? { kind: 'appended' } : { code: 'LOG_BUSY' });
      expect((await readHead(pool)).position).toBe(before.position + (written ? 2 : 1));
    });
  });
});
