import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createClient, createPool } from './connection.js';
import { StreamLooks } from './stream-look.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;
let writer: LogWriter;
let looks: StreamLooks;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
  writer = new LogWriter(database.appUrl);
  looks = new StreamLooks(pool);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await writer.close();
  await pool.end();
  await database.drop();
});

const record = (streamId: string, count = 1) =>
  writer.append(append(streamId, null, ...Array.from({ length: count }, () => newEvent())));

/** The streams that each look asks for by their names. */
function asked(): string[][] {
  const names: string[][] = [];
  const query = pool.query.bind(pool) as (statement: { values: [unknown, unknown, string[]] }) => unknown;
  jest.spyOn(pool, 'query').mockImplementation(((statement: { values: [unknown, unknown, string[]] }) => {
    names.push(statement.values[2]);
    return query(statement);
  }) as never);
  return names;
}

describe('a look at a stream', () => {
  it('asks for it by its name once, and then for what has happened', async () => {
    await record('account-ada', 2);
    const names = asked();
    const first = await looks.look('account-ada');
    expect(first).toMatchObject({ version: 2, moment: { isKept: true } });
    expect(await looks.look('account-ada')).toMatchObject({ version: 2, row: first.row });
    expect(names).toEqual([['account-ada'], []]);
  });

  it('finds what others have appended since', async () => {
    await record('account-other');
    const names = asked();
    for (let version = 0; version <= 5; version++) {
      expect(await looks.look('account-ada')).toMatchObject({ version });
      await record('account-other');
      await record('account-ada');
    }
    expect(await looks.look('account-ada')).toMatchObject({ version: 6 });
    expect(await looks.look('account-ada')).toMatchObject({ version: 6 });
    expect(names).toEqual([['account-ada'], [], [], [], [], [], [], []]);
  });

  it('says where each of many is that are looked at together, known or not', async () => {
    await record('account-ada');
    await record('account-bob', 2);
    await looks.look('account-bob');
    await record('account-bob');
    const names = asked();
    const together = ['account-bob', 'account-nobody', 'account-ada', 'account-bob'];
    const versions = (await Promise.all(together.map((id) => looks.look(id)))).map(({ version }) => version);
    expect(versions).toEqual([3, 0, 1, 3]);
    expect(names).toEqual([['account-nobody', 'account-ada']]);
  });

  it('asks for it by its name again when a thousand events have come, and more', async () => {
    await record('account-ada');
    await looks.look('account-ada');
    const names = asked();
    await record('account-other', 1_000);
    expect(await looks.look('account-ada')).toMatchObject({ version: 1 });
    await record('account-other', 1_001);
    await record('account-ada');
    expect(await looks.look('account-ada')).toMatchObject({ version: 2 });
    expect(names).toEqual([[], [], ['account-ada']]);
  });

  it('comes with the time of PostgreSQL at that look', async () => {
    const clock = async () =>
      (await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]!.now.toISOString();
    const before = await clock();
    const { now } = (await looks.look('account-ada')).moment;
    expect(before <= now && now <= (await clock())).toBe(true);
  });
});

describe('the latest look', () => {
  const clockAt = (ms: number) => {
    jest.spyOn(performance, 'now').mockReturnValue(ms);
    jest.spyOn(Date, 'now').mockReturnValue(ms);
  };

  it('counts as recent for a tenth of a second, and all that has passed since it was asked for is added', async () => {
    expect(looks.recent()).toBeUndefined();
    await record('account-ada');
    clockAt(1_000);
    const { moment } = await looks.look('account-ada');
    clockAt(1_060);
    const recent = looks.recent()!;
    expect(looks.knownSince(recent, 'account-ada')).toMatchObject({ version: 1 });
    expect(Date.parse(recent.now)).toBe(Date.parse(moment.now) + 60);
    clockAt(1_100);
    expect(looks.recent()).toBeUndefined();
  });
});

describe('a look at a log that was put back to an older copy since the look before', () => {
  /** Restores the log as it was at a position, with the rows of streams as they were then. */
  async function putBack(position: number): Promise<void> {
    const owner = createClient(database.ownerUrl);
    await owner.connect();
    await owner.query(`
      SET session_replication_role = replica;
      DELETE FROM event_log.event WHERE position > ${position};
      DELETE FROM event_log.stream;
      INSERT INTO event_log.stream (stream_id, version, position)
        SELECT stream_id, max(version), max(position) FROM event_log.event GROUP BY stream_id;
      UPDATE event_log.head SET position = event.position, hash = event.hash
        FROM event_log.event WHERE event.position = ${position};
    `);
    await owner.end();
  }

  beforeEach(async () => {
    await record('account-ada');
    await record('account-bob');
    await looks.look('account-ada');
    await record('account-ada');
    await looks.look('account-ada');
  });

  it('finds the stream where it is now', async () => {
    await putBack(2);
    expect(await looks.look('account-ada')).toMatchObject({ version: 1 });
  });

  it('finds it also when the log has come to the same position, and past it, with other events', async () => {
    for (const events of [1, 5]) {
      await putBack(2);
      await record('account-bob', events);
      expect(await looks.look('account-ada')).toMatchObject({ version: 1 });
      expect(await looks.look('account-bob')).toMatchObject({ version: 1 + events });
    }
  });

  it('believes what it knows when nothing of it was lost', async () => {
    await record('account-bob');
    await putBack(3);
    const names = asked();
    expect(await looks.look('account-ada')).toMatchObject({ version: 2 });
    expect(names).toEqual([[]]);
  });
});

describe('of two looks under way together, the one that is answered later', () => {
  const X_AT_1 = { version: 1, row: 'one' };
  const X_AT_2 = { version: 2, row: 'two' };

  it('does not take what is known back to what it found', async () => {
    const sent: { from: unknown; answer: (position: number, streams: object) => void }[] = [];
    const slow = {
      query: ({ values: [from] }: { values: unknown[] }) =>
        new Promise((resolve) => {
          const answer = (position: number, streams: object) =>
            resolve({ rows: [{ position, hash: Buffer.alloc(32), now: 0, follows: true, streams }] });
          sent.push({ from, answer });
        }),
    } as unknown as Pool;
    const looks = new StreamLooks(slow);
    const statement = async (number: number) => {
      while (!sent[number]) await new Promise((resolve) => setTimeout(resolve, 5));
      return sent[number];
    };

    const before = looks.look('account-x');
    (await statement(0)).answer(10, { 'account-x': X_AT_1 });
    await before;
    const first = looks.look('account-x');
    await statement(1);
    const second = looks.look('account-x');
    (await statement(2)).answer(12, { 'account-x': X_AT_2 });
    expect(await second).toMatchObject({ version: 2, moment: { isKept: true } });
    sent[1]!.answer(11, {});
    const late = await first;
    expect(late).toMatchObject({ version: 1, moment: { isKept: false } });

    expect(looks.knownSince((await second).moment, 'account-x')).toEqual(X_AT_2);
    expect(looks.knownSince(late.moment, 'account-x')).toBeUndefined();
    const third = looks.look('account-x');
    expect((await statement(3)).from).toBe(12);
    sent[3]!.answer(12, {});
    expect(await third).toMatchObject({ version: 2 });
  });
});
