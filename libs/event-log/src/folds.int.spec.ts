import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createClient, createPool } from './connection.js';
import { Folds, type Projection } from './folds.js';
import { saveSnapshot } from './snapshot.js';
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
const listing = (maxStreams = 100) => {
  const counted = { folded: 0 };
  const projection: Projection<readonly string[]> = {
    initialState: [],
    partsOf: ({ length }) => length,
    apply(state, { data }) {
      counted.folded++;
      return [...state, data];
    },
  };
  return { counted, folds: new Folds(pool, projection, maxStreams) };
};

const record = async (streamId: string, ...data: string[]) => {
  const outcome = await writer.append(
    append(streamId, null, ...data.map((text) => newEvent({ data: text }))),
  );
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return outcome;
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

  it('is kept beside as many as their number and their parts leave room for', async () => {
    const look = async (...streamIds: string[]) => {
      const { folds, counted } = listing(2);
      for (const streamId of [...streamIds, ...streamIds]) await folds.current(streamId);
      return counted.folded;
    };
    await record('account-small', '1', '2', '3');
    await record('account-large', ...'1234567');
    await record('account-larger', ...'12345678');
    expect(await look('account-small', 'account-large')).toBe(3 + 7);
    expect(await look('account-small', 'account-larger')).toBe(2 * (3 + 8));
    expect(await look('account-nobody', 'account-small', 'account-mine')).toBe(2 * (3 + 3));
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
    folds.appended(
      'account-late',
      { version: 0, eventId: null, position: 0, row: null, state: [], snapshotVersion: 0 },
      first,
    );
    expect(await folds.current('account-late')).toMatchObject({ version: 2, state: ['1', '2'] });
  });
});

describe('a fold of events that the log has lost since, because it was put back to an older copy', () => {
  const putBack = async (streamId: string, version: number) => {
    const owner = createClient(database.ownerUrl);
    await owner.connect();
    await owner.query('SET session_replication_role = replica');
    await owner.query('BEGIN');
    await owner.query('DELETE FROM event_log.event WHERE stream_id = $1 AND version > $2', [
      streamId,
      version,
    ]);
    await owner.query(
      `UPDATE event_log.stream SET version = $2, position = (SELECT max(position) FROM event_log.event WHERE stream_id = $1)
       WHERE stream_id = $1`,
      [streamId, version],
    );
    await owner.query('COMMIT');
    await owner.end();
  };

  it('is thrown away when it is ahead of the stream', async () => {
    await record('account-ahead', '1', 'lost', 'lost');
    const { folds } = listing();
    await folds.current('account-ahead');
    await putBack('account-ahead', 1);
    expect(await folds.current('account-ahead')).toMatchObject({ version: 1, state: ['1'] });
  });

  it('is thrown away when the stream has reached its version again with other events', async () => {
    await record('account-same', '1', 'lost', 'lost');
    const { folds } = listing();
    await folds.current('account-same');
    await putBack('account-same', 1);
    await record('account-same', '2', '3');
    expect(await folds.current('account-same')).toMatchObject({ version: 3, state: ['1', '2', '3'] });
  });

  it('is thrown away when the stream has gone past it', async () => {
    await record('account-past', '1', 'lost');
    const { folds } = listing();
    await folds.current('account-past');
    await putBack('account-past', 1);
    await record('account-past', '2', '3', '4');
    expect(await folds.current('account-past')).toMatchObject({ version: 4, state: ['1', '2', '3', '4'] });
  });

  it('is not what a decision is appended to', async () => {
    await record('account-decided', '1', 'lost');
    const { folds } = listing();
    const { version, row } = await folds.current('account-decided');
    await putBack('account-decided', 1);
    await record('account-decided', '2');
    const decided = { ...append('account-decided', version, newEvent({ data: 'x' })), expectedRow: row };
    expect(await writer.append(decided)).toEqual({ kind: 'conflict' });
    const now = await folds.current('account-decided');
    expect(await writer.append({ ...decided, expectedRow: now.row })).toMatchObject({ kind: 'appended' });
  });

  it('that the stream still has is kept, though its row was written anew', async () => {
    await record('account-kept-on', '1', '2');
    const { folds, counted } = listing();
    await folds.current('account-kept-on');
    await putBack('account-kept-on', 2);
    expect(await folds.current('account-kept-on')).toMatchObject({ version: 2, state: ['1', '2'] });
    expect(counted.folded).toBe(2);
  });
});

describe('what is known since a look', () => {
  it('is every fold that was kept, at that look, without another statement', async () => {
    await record('account-one', '1');
    const { folds } = listing();
    await folds.current('account-one');
    const look = await folds.current('account-two');
    const reads = jest.spyOn(pool, 'query');
    expect(folds.known('account-one', look)).toMatchObject({ version: 1, state: ['1'], now: look.now });
    expect(folds.known('account-three', look)).toBeUndefined();
    expect(await folds.current('account-one', look)).toMatchObject({ version: 1, now: look.now });
    expect(reads).not.toHaveBeenCalled();
    reads.mockRestore();
  });

  it('is no fold of a stream to which something had come by that look', async () => {
    const { folds } = listing();
    await folds.current('account-moved');
    await record('account-moved', '1');
    const look = await folds.current('account-two');
    expect(folds.known('account-moved', look)).toBeUndefined();
    expect(await folds.current('account-moved')).toMatchObject({ version: 1, state: ['1'] });
  });

  it('is no fold that this process has appended to since', async () => {
    const { folds } = listing();
    const look = await folds.current('account-found');
    expect(folds.known('account-found', look)).toMatchObject({ version: 0 });
    folds.appended('account-found', look, await record('account-found', '1'));
    expect(folds.known('account-found', look)).toBeUndefined();
    expect(folds.known('account-found', await folds.current('account-found'))).toMatchObject({ version: 1 });
  });
});

describe('a fold of a stream of which a snapshot was saved', () => {
  it('is decided on after the first conflict', async () => {
    const { events } = await record('account-saved', '1');
    const { folds } = listing();
    const { row } = await folds.current('account-saved');
    const [{ eventId } = { eventId: '' }] = events;
    await saveSnapshot(pool, 'account-saved', { version: 1, eventId, snapshot: Buffer.from('x') });
    const decided = { ...append('account-saved', 1, newEvent({ data: '2' })), expectedRow: row };
    expect(await writer.append(decided)).toEqual({ kind: 'conflict' });
    folds.doubt('account-saved');
    const again = await folds.current('account-saved');
    expect(await writer.append({ ...decided, expectedRow: again.row })).toMatchObject({ kind: 'appended' });
  });
});

describe('events that this process has just appended', () => {
  it('need not be read again', async () => {
    const { folds, counted } = listing();
    const base = await folds.current('account-own');
    folds.appended('account-own', base, await record('account-own', '1', '2'));
    expect(counted.folded).toBe(2);
    const reads = jest.spyOn(pool, 'query');
    expect(await folds.current('account-own')).toMatchObject({ version: 2, state: ['1', '2'] });
    expect(counted.folded).toBe(2);
    expect(reads).toHaveBeenCalledTimes(1);
  });
});
