import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { until } from '../../../test/harness/until.js';
import { createPool } from './connection.js';
import { Folds, type Projection } from './folds.js';
import { readSnapshot, saveSnapshot } from './snapshot.js';
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

/** The sum of the events' numbers; `format` is what its snapshots begin with, and it reads no other. */
const summing = (format: string) => {
  const counted = { folded: 0 };
  const projection: Projection<number> = {
    initialState: 0,
    apply(sum, { data }) {
      counted.folded++;
      return sum + Number(data);
    },
    snapshot: {
      encode: (sum) => Buffer.from(`${format}:${sum}`),
      decode(bytes) {
        const [found, sum] = bytes.toString().split(':');
        return found === format ? Number(sum) : null;
      },
    },
  };
  return { counted, folds: new Folds(pool, projection, 10) };
};

const record = (streamId: string, count: number) =>
  writer.append(append(streamId, null, ...Array.from({ length: count }, () => newEvent({ data: '1' }))));

const snapshotted = (streamId: string, version: number) =>
  until(
    () => readSnapshot(pool, streamId),
    (snapshot) => snapshot?.version === version,
  );

describe('a long stream', () => {
  it('leaves a snapshot behind, at which the next process begins', async () => {
    await record('account-long', 130);
    const { folds: first } = summing('a');
    expect(await first.current('account-long')).toMatchObject({ version: 130, state: 130 });
    await snapshotted('account-long', 130);

    await record('account-long', 20);
    const { folds: second, counted } = summing('a');
    expect(await second.current('account-long')).toMatchObject({ version: 150, state: 150 });
    expect(counted.folded).toBe(20);
  });

  it('is folded from its beginning when the snapshot is one that this version does not read', async () => {
    const { folds, counted } = summing('b');
    expect(await folds.current('account-long')).toMatchObject({ version: 150, state: 150 });
    expect(counted.folded).toBe(150);
    expect((await snapshotted('account-long', 150))!.snapshot.toString()).toBe('b:150');
  });

  it('leaves the next snapshot when it has grown by a hundred events', async () => {
    const { folds } = summing('b');
    await folds.current('account-long');
    await record('account-long', 99);
    await folds.current('account-long');
    expect((await readSnapshot(pool, 'account-long'))!.version).toBe(150);
    await record('account-long', 1);
    expect(await folds.current('account-long')).toMatchObject({ version: 250, state: 250 });
    await snapshotted('account-long', 250);
  });
});

describe('a short stream', () => {
  it('has no snapshot', async () => {
    await record('account-short', 99);
    await summing('a').folds.current('account-short');
    expect(await readSnapshot(pool, 'account-short')).toBeUndefined();
  });
});

describe('a snapshot that is saved late', () => {
  const eventId = async (streamId: string, version: number) =>
    (
      await pool.query('SELECT event_id FROM event_log.event WHERE stream_id = $1 AND version = $2', [
        streamId,
        version,
      ])
    ).rows[0].event_id as string;

  it('does not take the place of a newer one', async () => {
    await record('account-late', 10);
    const [newer, older] = [
      { version: 8, eventId: await eventId('account-late', 8), snapshot: Buffer.from('new') },
      { version: 7, eventId: await eventId('account-late', 7), snapshot: Buffer.from('old') },
    ];
    await saveSnapshot(pool, 'account-late', newer);
    await saveSnapshot(pool, 'account-late', older);
    expect(await readSnapshot(pool, 'account-late')).toMatchObject(newer);
  });

  it('is not saved when the log has another event there, since it was put back to an older copy', async () => {
    await record('account-other', 10);
    const lost = { version: 8, eventId: randomUUID(), snapshot: Buffer.from('lost') };
    await saveSnapshot(pool, 'account-other', lost);
    expect(await readSnapshot(pool, 'account-other')).toBeUndefined();
  });
});
