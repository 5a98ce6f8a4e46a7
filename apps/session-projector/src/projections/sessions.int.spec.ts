import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MasterKey } from '#event-log/master-key.js';
import { readForward } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { SessionLog } from '../../test/session-log.js';
import { Database, projectorPool } from '../database.js';
import type { EventBatch } from '../projection.js';
import { eventFromLog } from '../read-event.js';
import { SessionsProjection } from './sessions.js';

const masterKey = randomBytes(32);

let database: TestDatabase;
let dataSource: DataSource;
let pool: Pool;
let log: SessionLog;

beforeEach(async () => {
  database = await createDatabase();
  pool = projectorPool({ DATABASE_URL: database.appUrl });
  dataSource = new DataSource({ type: 'postgres', url: database.appUrl, entities: [Checkpoint] });
  log = await SessionLog.open(database.appUrl, masterKey.toString('base64'), () => undefined);
});
afterEach(async () => {
  await Promise.all([log.close(), pool.end(), dataSource.isInitialized && dataSource.destroy()]);
  await database.drop();
});

const projection = () =>
  new SessionsProjection(pool, new Database(dataSource), new MasterKey(masterKey), pino({ level: 'silent' }));

const batchBehind = async (from: CheckpointPosition, size = 1_000): Promise<EventBatch> => ({
  from,
  events: (await readForward(pool, from.position, size)).map(eventFromLog),
});

const fenced = expect.objectContaining({ name: 'Fenced' });

describe('a batch', () => {
  it('takes the read model to its last event', async () => {
    await log.history();
    const sessions = projection();
    const start = await sessions.resume();
    const at = await sessions.apply(await batchBehind(start));
    const { position, hash } = await log.head();
    expect(at).toMatchObject({ position, hash });
    expect(await sessions.resume()).toMatchObject({ position, hash });
    expect(await log.rows()).toEqual(await log.folded());
  });

  it('is refused a second time, and changes nothing', async () => {
    const alice = await log.issue('alice');
    const sessions = projection();
    const issue = await batchBehind(await sessions.resume());
    const issued = await sessions.apply(issue);
    await log.revoke(alice);
    await sessions.apply(await batchBehind(issued));
    await expect(sessions.apply(issue)).rejects.toEqual(fenced);
    expect(await log.rows()).toEqual([]);
  });

  it('of a projector that was overtaken is refused, and changes nothing', async () => {
    const alice = await log.issue('alice');
    const [one, other] = [projection(), projection()];
    const stale = await batchBehind(await one.resume());
    await log.extend(alice);
    await log.issue('bob');
    const further = await other.apply(await batchBehind(await other.resume()));
    await expect(one.apply(stale)).rejects.toEqual(fenced);
    expect(await one.resume()).toMatchObject({ position: further.position });
    expect(await log.rows()).toEqual(await log.folded());
  });

  it('of several projectors at the same moment is applied by one of them', async () => {
    await log.history();
    const all = [projection(), projection(), projection()];
    let { position } = await all[0]!.resume();
    while (position < (await log.head()).position) {
      const from = await all[0]!.resume();
      const batches = await Promise.all(all.map((_, i) => batchBehind(from, 20 + i)));
      const ends = await Promise.allSettled(all.map((one, i) => one.apply(batches[i]!)));
      expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))).toEqual([
        fenced,
        fenced,
      ]);
      ({ position } = await all[0]!.resume());
    }
    expect(await log.rows()).toEqual(await log.folded());
  });

  it('of another epoch than the checkpoint is refused, and changes nothing', async () => {
    const [alice, bob] = [await log.issue('alice'), await log.issue('bob')];
    const sessions = projection();
    const at = await sessions.apply(await batchBehind(await sessions.resume()));
    const rows = await log.rows();
    await log.extend(alice);
    await log.revoke(bob);
    await log.issue('carol');
    await expect(sessions.apply(await batchBehind({ ...at, epoch: 2 }))).rejects.toEqual(fenced);
    expect(await log.rows()).toEqual(rows);
  });

  it('that the log does not have is named as foreign, and changes nothing', async () => {
    await log.issue('alice');
    const sessions = projection();
    const batch = await batchBehind(await sessions.resume());
    const foreign = { ...batch, events: batch.events.map((event) => ({ ...event, hash: randomBytes(32) })) };
    await expect(sessions.apply(foreign)).rejects.toMatchObject({ code: 'EVENT_FOREIGN', position: 1 });
    const beyond = { ...batch, events: batch.events.map((event) => ({ ...event, position: 2 })) };
    await expect(sessions.apply(beyond)).rejects.toMatchObject({ code: 'EVENT_FOREIGN', position: 2 });
    expect(await log.rows()).toEqual([]);
    expect(await sessions.resume()).toMatchObject({ position: 0 });
  });
});
