import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Pool } from 'pg';
import { append, keyed, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { untilWaitingForLock } from '../../../test/harness/lock-waits.js';
import {
  isCommit,
  isCommitsAnswer,
  startPostgresProxy,
  type PostgresProxy,
} from '../../../test/harness/postgres-proxy.js';
import { createPool } from './connection.js';
import { readHead, readOutcome } from './read.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let pool: Pool;
let proxy: PostgresProxy;
let writer: LogWriter;
let groups: number[];

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.appUrl);
});
beforeEach(async () => {
  groups = [];
  proxy = await startPostgresProxy(database.appUrl);
  writer = new LogWriter(proxy.url, { committed: ({ outcomes }) => void groups.push(outcomes.length) });
  await writer.append(append('account-warm', null, newEvent()));
});
afterEach(async () => {
  await writer.close();
  await proxy.close();
  await auditLog(database.ownerUrl);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe('a COMMIT whose answer is lost', () => {
  it('is found to have happened, and is not repeated', async () => {
    const before = await readHead(pool);
    const cut = proxy.trap(isCommitsAnswer, 'cut');
    const outcome = await writer.append(append('account-lost', 0, newEvent(), newEvent()));
    await cut;
    expect(outcome).toMatchObject({ kind: 'appended', events: [{ version: 1 }, { version: 2 }] });
    expect((await readHead(pool)).position).toBe(before.position + 2);
  });

  it('settles every append of its group', async () => {
    const cut = proxy.trap(isCommitsAnswer, 'cut');
    const alone = await writer.append(append('account-group', 0, newEvent()));
    await cut;
    const before = await readHead(pool);
    const waiting = writer.append(append('account-group', 1, newEvent()));
    await setImmediate();
    const cutAgain = waiting.then(() => proxy.trap(isCommitsAnswer, 'cut'));
    const group = [
      append('account-group', 2, newEvent()),
      append('account-group', 1, newEvent()),
      append('account-group', 3, newEvent()),
    ].map((one) => writer.append(one));
    expect(await Promise.all([waiting, ...group])).toMatchObject([
      { kind: 'appended' },
      { kind: 'appended', events: [{ version: 3 }] },
      { kind: 'conflict' },
      { kind: 'appended', events: [{ version: 4 }] },
    ]);
    await cutAgain;
    expect(alone.kind).toBe('appended');
    expect(groups.slice(-2)).toEqual([1, 3]);
    expect((await readHead(pool)).position).toBe(before.position + 3);
  });

  it('is found for a command without events as well', async () => {
    const cut = proxy.trap(isCommitsAnswer, 'cut');
    const command = keyed('lost refusal', { code: 'SESSION_NOT_FOUND' });
    const outcome = await writer.append({ ...append('account-refused', 0), command });
    await cut;
    expect(outcome).toMatchObject({ kind: 'appended', events: [] });
    expect(await readOutcome(pool, command)).toMatchObject({ outcome: command.outcome });
  });

  it('is waited for while it may still be on its way', async () => {
    const delayed = proxy.trap(isCommit, 'delay');
    const pending = writer.append(append('account-delayed', 0, newEvent()));
    await delayed;
    await untilWaitingForLock(pool, { application: 'signoff-writer', count: 1 });
    proxy.thaw();
    expect(await pending).toMatchObject({ kind: 'appended', events: [{ version: 1 }] });
  });

  it('is found although PostgreSQL cannot be reached at first', async () => {
    const cut = proxy.trap(isCommitsAnswer, 'cut');
    proxy.refuse(3);
    const outcome = await writer.append(append('account-away', 0, newEvent()));
    await cut;
    expect(outcome).toMatchObject({ kind: 'appended', events: [{ version: 1 }] });
  });

  it('is called unknown when PostgreSQL stays away, and the writer goes on afterwards', async () => {
    const before = await readHead(pool);
    const cut = proxy.trap(isCommitsAnswer, 'cut');
    proxy.refuse(Infinity);
    const lost = writer.append(append('account-unknown', 0, newEvent()));
    await cut;
    await expect(lost).rejects.toMatchObject({ name: 'LogError', code: 'LOG_OUTCOME_UNKNOWN' });
    proxy.refuse(0);
    expect((await readHead(pool)).position).toBe(before.position + 1);
    expect(await writer.append(append('account-unknown', 0, newEvent()))).toEqual({ kind: 'conflict' });
  });
});

describe('a connection that is cut before COMMIT', () => {
  it('rejects with LOG_UNAVAILABLE, and nothing is written', async () => {
    const before = await readHead(pool);
    const cut = proxy.trap(isCommit, 'cut');
    const command = keyed('cut', 'done');
    const lost = writer.append({ ...append('account-cut', 0, newEvent()), command });
    await expect(lost).rejects.toMatchObject({ name: 'LogError', code: 'LOG_UNAVAILABLE' });
    await cut;
    expect(await readHead(pool)).toEqual(before);
    expect(await readOutcome(pool, command)).toBeUndefined();
    expect(await writer.append(append('account-cut', 0, newEvent()))).toMatchObject({ kind: 'appended' });
  });

  it('rejects a command without events, unrecorded', async () => {
    const cut = proxy.trap(isCommit, 'cut');
    const command = keyed('cut refusal', 'refused');
    await expect(writer.append({ ...append('account-cut', 1), command })).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
    await cut;
    expect(await readOutcome(pool, command)).toBeUndefined();
  });

  it('rejects every append of the group', async () => {
    const before = await readHead(pool);
    const first = writer.append(append('account-cut-group', null, newEvent()));
    await setImmediate();
    const cut = first.then(() => proxy.trap(isCommit, 'cut'));
    const group = [1, 2, 3].map(() => writer.append(append('account-cut-group', null, newEvent())));
    const results = await Promise.allSettled(group);
    await cut;
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'LOG_UNAVAILABLE' } });
    expect((await readHead(pool)).position).toBe(before.position + 1);
  });
});
