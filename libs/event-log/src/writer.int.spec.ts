import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import type { AppendOutcome } from './append.js';
import { createPool } from './connection.js';
import { readForward, readHead, readStream } from './read.js';
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

const withWriters = async (count: number, use: (writers: LogWriter[]) => Promise<void>) => {
  const writers = Array.from({ length: count }, () => new LogWriter(database.appUrl));
  try {
    await use(writers);
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
  }
};

const eventsOf = (outcome: AppendOutcome) => (outcome.kind === 'appended' ? outcome.events : []);

describe('appending to the log', () => {
  it('answers with the events as they stand in it', async () => {
    await withWriters(1, async ([writer]) => {
      const before = await readHead(pool);
      const issue = newEvent({ sealed: Buffer.from([1, 0, 255]), metadata: '{"actor":"key_1"}' });
      const outcome = await writer!.append(
        append('account-plain', 0, issue, newEvent({ type: 'SessionRevoked' })),
      );
      const events = eventsOf(outcome);
      expect(events).toMatchObject([
        { ...issue, streamId: 'account-plain', position: before.position + 1, version: 1, revocation: null },
        { position: before.position + 2, version: 2, revocation: before.revocations + 1 },
      ]);
      expect(await readForward(pool, before.position, 10)).toEqual(events);
      expect(await readStream(pool, 'account-plain', 0)).toEqual(events);
      expect(await readStream(pool, 'account-plain', 1)).toEqual(events.slice(1));
      const head = await readHead(pool);
      expect(head).toMatchObject({ position: before.position + 2, revocations: before.revocations + 1 });
      expect(head.hash).toEqual(events[1]!.hash);
      await auditLog(database.ownerUrl);
    });
  });

  it('conflicts when the stream has moved on, and leaves no trace', async () => {
    await withWriters(1, async ([writer]) => {
      await writer!.append(append('account-moved', 0, newEvent()));
      const before = await readHead(pool);
      const outcome = await writer!.append(append('account-moved', 0, newEvent({ type: 'SessionRevoked' })));
      expect(outcome).toEqual({ kind: 'conflict' });
      expect(await readHead(pool)).toEqual(before);
    });
  });

  it('is recorded at a time of PostgreSQL, in whole milliseconds', async () => {
    await withWriters(1, async ([writer]) => {
      const clock = () =>
        pool.query<{ now: number }>(`SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`);
      const earliest = (await clock()).rows[0]!.now;
      const outcome = await writer!.append(append('account-timed', 0, newEvent()));
      const latest = (await clock()).rows[0]!.now;
      const [{ recordedAt } = { recordedAt: NaN }] = eventsOf(outcome);
      expect(recordedAt).toBe(Math.trunc(recordedAt));
      expect(recordedAt).toBeGreaterThanOrEqual(Math.floor(earliest));
      expect(recordedAt).toBeLessThanOrEqual(latest);
    });
  });
});

describe('several processes that append at once', () => {
  it('number one log without a gap, in one chain, and each learns where its own events stand', async () => {
    await withWriters(6, async (writers) => {
      const outcomes = await Promise.all(
        Array.from({ length: 1_200 }, (_, i) =>
          writers[i % writers.length]!.append(
            append(
              `account-${i % 7}`,
              null,
              newEvent(),
              ...(i % 3 ? [newEvent({ type: 'SessionRevoked' })] : []),
            ),
          ),
        ),
      );
      const { eventIds, head } = await auditLog(database.ownerUrl);
      const recorded = outcomes.flatMap(eventsOf);
      expect(recorded).toHaveLength(2_000);
      for (const { position, eventId } of recorded) expect(eventIds[position - 1]).toBe(eventId);
      expect(head.position).toBe(eventIds.length);
    });
  });

  it('let exactly one win of those that decided on the same version', async () => {
    await withWriters(5, async (writers) => {
      for (let version = 0; version < 20; version++) {
        const outcomes = await Promise.all(
          writers.map((writer) => writer.append(append('account-contended', version, newEvent()))),
        );
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual([
          'appended',
          'conflict',
          'conflict',
          'conflict',
          'conflict',
        ]);
      }
      await auditLog(database.ownerUrl);
    });
  });
});

describe('closing a writer', () => {
  it('writes what waits, and accepts no more', async () => {
    const writer = new LogWriter(database.appUrl);
    const waiting = Array.from({ length: 20 }, () =>
      writer.append(append('account-closed', null, newEvent())),
    );
    await writer.close();
    const settled = await Promise.allSettled(waiting);
    expect(settled.every(({ status }) => status === 'fulfilled')).toBe(true);
    await expect(writer.append(append('account-closed', null, newEvent()))).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
  });
});

describe('somebody who listens to commits', () => {
  it('spoils no append by failing', async () => {
    const writer = new LogWriter(database.appUrl, {
      committed() {
        throw new Error('the bus is closed');
      },
    });
    const before = await readHead(pool);
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => writer.append(append('account-heard', null, newEvent()))),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
    expect((await readHead(pool)).position).toBe(before.position + 3);
    await writer.close();
  });
});
