import { createPool } from '#event-log/connection.js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { lease, readAccepting, signOff, type Subscriber } from './subscribers.js';

let database: TestDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

const STALENESS = 60_000;
const one: Subscriber = {
  service: 'billing',
  instance: 'one',
  bootId: 'boot',
  maxStaleness: STALENESS,
  policy: 'refuse',
};

/** By service, instance and start: the milliseconds that are left of the lease. */
async function leases(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ name: string; left: number }>(
    `SELECT concat_ws('/', service, instance, boot_id) AS name,
       (extract(epoch FROM leased_until - clock_timestamp()) * 1000)::float8 AS left FROM effect.subscriber`,
  );
  return Object.fromEntries(rows.map(({ name, left }) => [name, left]));
}
const shorten = (ms: number) =>
  pool.query(
    `UPDATE effect.subscriber SET leased_until = clock_timestamp() + $1 * interval '1 millisecond'`,
    [ms],
  );

describe('a lease', () => {
  it('covers all the time in which who asked now may take itself for fresh', async () => {
    await lease(pool, [one]);
    expect((await leases())['billing/one/boot']).toBeGreaterThanOrEqual(STALENESS);
  });

  it('is written only when it would not', async () => {
    await lease(pool, [one]);
    await shorten(STALENESS * 1.1);
    await lease(pool, [one]);
    expect((await leases())['billing/one/boot']).toBeLessThanOrEqual(STALENESS * 1.1);
    await shorten(STALENESS - 1);
    await lease(pool, [one]);
    expect((await leases())['billing/one/boot']).toBeGreaterThan(STALENESS * 1.1);
  });

  it('is given to each start of each instance of each service, by its own time', async () => {
    await lease(pool, [one]);
    const others = [
      { ...one, service: 'panel' },
      { ...one, instance: 'two' },
      { ...one, bootId: 'next', maxStaleness: 10 * STALENESS },
    ];
    await lease(pool, [one, ...others]);
    const left = await leases();
    expect(Object.keys(left).toSorted()).toEqual([
      'billing/one/boot',
      'billing/one/next',
      'billing/two/boot',
      'panel/one/boot',
    ]);
    expect(left['billing/one/next']).toBeGreaterThan(10 * STALENESS - 1_000);
    expect(left['billing/two/boot']).toBeLessThan(2 * STALENESS);
  });

  it('is written by two processes at once, in whatever order they were asked', async () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ ...one, instance: `${i}` }));
    for (let round = 0; round < 20; round++) {
      await Promise.all([lease(pool, many), lease(pool, many.toReversed())]);
      await shorten(0);
    }
    expect(Object.keys(await leases())).toHaveLength(50);
  });
});

describe('who may accept a session', () => {
  it('is whoever has a lease, and whoever needs none', async () => {
    const lenient = { ...one, instance: 'lenient', policy: 'allow' as const };
    await lease(pool, [one, lenient]);
    const names = async () => (await readAccepting(pool)).map(({ instance }) => instance).toSorted();
    expect(await names()).toEqual(['lenient', 'one']);
    await shorten(-1);
    expect(await names()).toEqual(['lenient']);
    await signOff(pool, lenient);
    expect(await names()).toEqual([]);
  });
});
