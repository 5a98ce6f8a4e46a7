import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import { Folds, type Projection } from './folds.js';
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

/** The data of the events, one after the other, and how often it was asked to fold. */
const listing = () => {
  const counted = { folded: 0 };
  const projection: Projection<readonly string[]> = {
    initialState: [],
    apply(state, { data }) {
      counted.folded++;
      return [...state, data];
    },
  };
  return { counted, folds: new Folds(pool, projection, 100) };
};

const record = async (streamId: string, ...data: string[]) => {
  const outcome = await writer.append(
    append(streamId, null, ...data.map((text) => newEvent({ data: text }))),
  );
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return outcome.events;
};

describe('a fold', () => {
  it('of a stream that never was is the initial state at version 0', async () => {
    const { folds } = listing();
    expect(await folds.current('account-nobody')).toMatchObject({ version: 0, state: [] });
  });

  it('is that of all events of its stream and of no other', async () => {
    await record('account-mine', '1', '2');
    await record('account-other', 'x');
    await record('account-mine', '3');
    const { folds } = listing();
    expect(await folds.current('account-mine')).toMatchObject({ version: 3, state: ['1', '2', '3'] });
  });

  it('comes with the time of PostgreSQL at that look', async () => {
    const { folds } = listing();
    const clock = async () =>
      (await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]!.now.toISOString();
    const before = await clock();
    const { now } = await folds.current('account-mine');
    const after = await clock();
    expect(before <= now && now <= after).toBe(true);
  });

  it('that was kept is folded on and not again', async () => {
    await record('account-kept', '1', '2');
    const { folds, counted } = listing();
    await folds.current('account-kept');
    await folds.current('account-kept');
    expect(counted.folded).toBe(2);
    await record('account-kept', '3');
    expect(await folds.current('account-kept')).toMatchObject({ version: 3, state: ['1', '2', '3'] });
    expect(counted.folded).toBe(3);
  });
});

describe('a fold that another process has made stale', () => {
  it('is never trusted', async () => {
    await record('account-stale', '1');
    const { folds: here } = listing();
    const { folds: there } = listing();
    await Promise.all([here.current('account-stale'), there.current('account-stale')]);
    for (let version = 2; version <= 20; version++) {
      const base = await here.current('account-stale');
      here.appended('account-stale', base, await record('account-stale', String(version)));
      const expected = Array.from({ length: version }, (_, i) => String(i + 1));
      expect(await there.current('account-stale')).toMatchObject({ version, state: expected });
      expect(await here.current('account-stale')).toMatchObject({ version, state: expected });
    }
  });

  it('does not come back through an older base that is reported late', async () => {
    const first = await record('account-late', '1');
    const { folds } = listing();
    await record('account-late', '2');
    await folds.current('account-late');
    folds.appended('account-late', { version: 0, state: [], snapshotVersion: 0 }, first);
    expect(await folds.current('account-late')).toMatchObject({ version: 2, state: ['1', '2'] });
  });

  it('is thrown away when it is ahead of the log, which then is an older copy', async () => {
    const [event] = await record('account-restored', '1');
    const { folds } = listing();
    const base = await folds.current('account-restored');
    folds.appended('account-restored', base, [{ ...event!, version: 2, data: 'lost' }]);
    expect(await folds.current('account-restored')).toMatchObject({ version: 1, state: ['1'] });
  });
});

describe('events that this process has just appended', () => {
  it('need not be read again', async () => {
    const { folds, counted } = listing();
    const base = await folds.current('account-own');
    folds.appended('account-own', base, await record('account-own', '1', '2'));
    expect(counted.folded).toBe(2);
    expect(await folds.current('account-own')).toMatchObject({ version: 2, state: ['1', '2'] });
    expect(counted.folded).toBe(2);
  });
});
