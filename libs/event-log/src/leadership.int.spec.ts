import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { createDatabase, type TestDatabase } from '../../../test/harness/database.js';
import { startPostgresProxy, type PostgresProxy } from '../../../test/harness/postgres-proxy.js';
import { until } from '../../../test/harness/until.js';
import { whileLeading } from './leadership.js';

const LOCK = 42;

let database: TestDatabase;
let proxy: PostgresProxy;
let owner: Pool;
const contenders: Contender[] = [];

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startPostgresProxy(database.appUrl);
  owner = new Pool({ connectionString: database.ownerUrl });
});
afterEach(async () => {
  await Promise.all(contenders.splice(0).map((contender) => contender.stop()));
});
afterAll(async () => {
  await proxy.close();
  await owner.end();
  await database.drop();
});

class Contender {
  leads = false;
  terms = 0;
  private readonly over = new AbortController();
  private readonly running: Promise<void>;

  constructor(url: string) {
    this.running = whileLeading(url, LOCK, (lost) => this.lead(lost), this.over.signal);
    contenders.push(this);
  }

  private async lead(lost: AbortSignal): Promise<void> {
    this.terms++;
    this.leads = true;
    if (!lost.aborted) await new Promise((resolve) => lost.addEventListener('abort', resolve));
    this.leads = false;
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
  }
}

const leading = (contender: Contender) =>
  until(
    () => contender.leads,
    (leads) => leads,
  );

const killLeaders = () =>
  owner.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE datname = current_database() AND locktype = 'advisory' AND objid = ${LOCK} AND granted`,
  );

describe('several processes that would lead', () => {
  it('have one leader, and another when it stops', async () => {
    const all = [1, 2, 3].map(() => new Contender(database.appUrl));
    const leaders = () => all.filter(({ leads }) => leads);
    for (let remaining = all.length; remaining > 0; remaining--) {
      const [leader] = await until(leaders, (found) => found.length > 0);
      expect(leaders()).toEqual([leader]);
      await leader!.stop();
      expect(leader!.leads).toBe(false);
    }
  });

  it('tell a leader that it has lost its connection, and it contends again', async () => {
    const contender = new Contender(database.appUrl);
    await leading(contender);
    await killLeaders();
    await until(
      () => contender.terms,
      (terms) => terms === 2,
    );
    expect(contender.leads).toBe(true);
  });
});

describe('a leader whose process is stopped', () => {
  it('is replaced within seconds, learns of it when it goes on, and can lead again', async () => {
    const stopped = new Contender(proxy.url);
    await leading(stopped);
    await proxy.trap(({ from, text }) => from === 'client' && text === 'SELECT 1\0', 'freeze');
    const other = new Contender(database.appUrl);
    const since = performance.now();
    await leading(other);
    expect(performance.now() - since).toBeLessThan(6_000);

    proxy.thaw();
    await until(
      () => stopped.leads,
      (leads) => !leads,
    );
    await other.stop();
    await leading(stopped);
    expect(stopped.terms).toBe(2);
  });
});

describe('a PostgreSQL that is away at first', () => {
  it('is led from when it comes', async () => {
    proxy.refuse(2);
    await leading(new Contender(proxy.url));
  });
});
