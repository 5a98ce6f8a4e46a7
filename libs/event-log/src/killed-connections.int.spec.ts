import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { append, newEvent } from '../../../test/harness/appends.js';
import { auditLog } from '../../../test/harness/audit.js';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { createPool } from './connection.js';
import type { LogError } from './log-error.js';
import { LogWriter } from './writer.js';

let database: TestDatabase;
let owner: Pool;

beforeAll(async () => {
  database = await createDatabase();
  owner = new Pool({ connectionString: database.ownerUrl });
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

const KILLS = 25;

describe('writers whose connections are killed again and again', () => {
  it('answer truly: what was answered is in the log, once, at its place, and what failed is not', async () => {
    const writers = Array.from({ length: 3 }, () => new LogWriter(database.appUrl));
    let over = false;
    const answered: { position: number; eventId: string }[] = [];
    const failed: string[] = [];
    const codes = new Set<string>();
    const client = async (i: number) => {
      while (!over) {
        const event = newEvent();
        try {
          const outcome = await writers[i % writers.length]!.append(append(`account-${i}`, null, event));
          if (outcome.kind === 'appended') answered.push(...outcome.events);
        } catch (error) {
          codes.add((error as LogError).code);
          failed.push(event.eventId);
        }
      }
    };
    const clients = Array.from({ length: 12 }, (_, i) => client(i));
    for (let kills = 0; kills < KILLS;) {
      const { rowCount } = await owner.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'signoff-writer' AND state <> 'idle' LIMIT 1`,
      );
      kills += rowCount!;
    }
    over = true;
    await Promise.all(clients);
    await Promise.all(writers.map((writer) => writer.close()));

    const { eventIds } = await auditLog(database.ownerUrl);
    for (const { position, eventId } of answered) expect(eventIds[position - 1]).toBe(eventId);
    expect(eventIds).toHaveLength(answered.length);
    const recorded = new Set(eventIds);
    expect(failed.filter((eventId) => recorded.has(eventId))).toEqual([]);
    expect([...codes]).toEqual(['LOG_UNAVAILABLE']);
  });
});

describe('a PostgreSQL that cannot be reached', () => {
  it('fails an append at once, and the writer can be closed', async () => {
    const nowhere = new URL(database.appUrl);
    nowhere.port = '1';
    const writer = new LogWriter(nowhere.href);
    await expect(writer.append(append('account-a', 0, newEvent()))).rejects.toMatchObject({
      name: 'LogError',
      code: 'LOG_UNAVAILABLE',
    });
    await writer.close();
  });
});

describe('a connection of a pool that is cut while it is lent out and at rest', () => {
  it('fails what it is asked next, and nothing else', async () => {
    const pool = createPool(database.appUrl);
    const client = await pool.connect();
    const ended = new Promise((resolve) => client.once('end', resolve));
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await owner.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    await expect(client.query('SELECT')).rejects.toThrow();
    client.release(true);
    await expect(pool.query('SELECT')).resolves.toBeDefined();
    await pool.end();
  });
});
