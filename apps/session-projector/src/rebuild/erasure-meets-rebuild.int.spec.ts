import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { readForward } from '#event-log/read.js';
import { Checkpoint } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { untilWaitingForLock } from '../../../../test/harness/lock-waits.js';
import { until } from '../../../../test/harness/until.js';
import { personal, SessionLog } from '../../test/session-log.js';
import { Database, projectorPool } from '../database.js';
import { Fenced } from '../projection.js';
import { AuditProjection } from '../projections/audit.js';
import { eventFromLog } from '../read-event.js';
import { connectOwner } from './owner.js';
import { rebuild } from './rebuild.js';
import { REBUILDABLE } from './rebuildable.js';

type Before = (statement: string) => Promise<unknown>;

const NOTHING: Before = () => Promise.resolve();
const key = randomBytes(32);
const masterKey = new MasterKey(key);

let database: TestDatabase;
let dataSource: DataSource;
let pool: Pool;
let looker: Pool;
let log: SessionLog;

beforeEach(async () => {
  database = await createDatabase();
  pool = projectorPool({ DATABASE_URL: database.appUrl });
  looker = createPool(database.ownerUrl, { max: 1 });
  dataSource = new DataSource({ type: 'postgres', url: database.appUrl, entities: [Checkpoint] });
  log = await SessionLog.open(database.appUrl, key.toString('base64'), () => undefined);
});
afterEach(async () => {
  await Promise.all([
    log.close(),
    pool.end(),
    looker.end(),
    dataSource.isInitialized && dataSource.destroy(),
  ]);
  await database.drop();
});

/** The same connections, each statement of which waits for what is to happen before it. */
function interrupted<Db extends object>(db: Db, before: Before): Db {
  return new Proxy(db, {
    get(_, name) {
      const member: unknown = Reflect.get(db, name);
      if (typeof member !== 'function') return member;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, db, args);
      if (name === 'connect') return async () => interrupted((await call()) as object, before);
      if (name !== 'query') return call;
      return async (statement: string | { text: string }, ...rest: unknown[]) => {
        await before(typeof statement === 'string' ? statement : statement.text);
        return call(statement, ...rest);
      };
    },
  });
}

/** Once, before the statement that is the `nth` of these. */
function beforeThe(nth: number, pattern: RegExp, act: () => Promise<unknown>): Before {
  let seen = 0;
  return async (statement) => {
    if (pattern.test(statement) && ++seen === nth) await act();
  };
}

const waits = (application: string) => untilWaitingForLock(looker, { application });

describe('an erasure that meets a rebuild', () => {
  const of = REBUILDABLE.audit!;
  const lockToSwap = [2, /LOCK TABLE \S+ IN EXCLUSIVE MODE/] as const;

  beforeEach(async () => {
    await log.issue('alice');
    await log.issue('bob');
    await projected();
  });

  const projection = (before = NOTHING) =>
    new AuditProjection(
      interrupted(pool, before),
      new Database(dataSource),
      masterKey,
      pino({ level: 'silent' }),
    );

  /** Everything that the log has, by the projector. */
  async function projected(before = NOTHING): Promise<void> {
    const projector = projection(before);
    for (let at = await projector.resume(); ;) {
      const events = (await readForward(pool, at.position, 1_000)).map(eventFromLog);
      if (events.length === 0) return;
      at = await projector.apply({ from: at, events }).catch((error: unknown) => {
        if (error instanceof Fenced) return projector.resume();
        throw error;
      });
    }
  }

  async function rebuilt(before: Before): Promise<void> {
    const owner = await connectOwner(database.ownerUrl);
    await rebuild({
      of,
      owner: interrupted(owner, before),
      pool: interrupted(pool, before),
      role: new URL(database.appUrl).username,
      masterKey,
      stop: new AbortController().signal,
      say: () => undefined,
    }).finally(() => owner.end());
  }

  async function expectErased(): Promise<void> {
    const found = await log.auditRows();
    expect(found.slice(0, 2)).toMatchObject([
      { account_id: 'alice', ip_address: null },
      { account_id: 'bob', ip_address: personal.ipAddress },
    ]);
    expect(found).toEqual(await log.auditFolded());
    expect(await projection().resume()).toMatchObject({ position: 3 });
  }

  it.each([
    [
      'when the next tables are about to get what was opened before it',
      1,
      /UPDATE read_model_next\.checkpoint/,
    ],
    ['when the next tables have it all', 1, /CREATE INDEX/],
    ['while both are compared', 1, /FULL JOIN/],
    ['right before nobody may project, for the swap', ...lockToSwap],
  ])('is not lost in the tables that are read afterwards: %s', async (_, nth, pattern) => {
    await rebuilt(
      beforeThe(nth, pattern, async () => {
        await log.erase('alice');
        await projected();
      }),
    );
    await expectErased();
  });

  it('is not lost when it waits for the swap', async () => {
    let projecting = Promise.resolve();
    await rebuilt(
      beforeThe(1, /DROP TABLE/, async () => {
        await log.erase('alice');
        projecting = projected();
        await Promise.race([projecting, waits('signoff-projector')]);
      }),
    );
    await projecting;
    await expectErased();
  });

  it('is not lost when the rebuild wants to swap between what it writes and what it forgets', async () => {
    let [projecting, isWritten] = [Promise.resolve(), false];
    const rebuilding: Promise<void> = rebuilt(
      beforeThe(...lockToSwap, async () => {
        await log.erase('alice');
        const forget = beforeThe(1, /SET ip_address = NULL/, () => {
          isWritten = true;
          return Promise.race([rebuilding, waits('signoff-rebuild')]);
        });
        projecting = projected(forget);
        await until(() => isWritten, Boolean);
      }),
    );
    await rebuilding;
    await projecting;
    await expectErased();
  });
});
