import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { createSubjectKey } from '#event-log/sealing.js';
import { type AppProcess, startProcess } from './harness/app-process.js';
import type { Caller } from './harness/call.js';
import { devices } from './harness/devices.js';
import { keysRotate, startKeysRotate } from './harness/keys-rotate.js';
import { projected } from './harness/projected.js';
import { createKey, dataOf, issue, type Issued, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const ACCOUNTS = Array.from({ length: 20 }, (_, i) => `account-${i}`);
/** More than a batch or two, so that the command can be stopped between them. */
const MORE_KEYS = 1_300;
const { sent, shown } = devices[0]!;

const newKey = () => randomBytes(32).toString('base64');
const idOf = (text: string) => new MasterKey(Buffer.from(text, 'base64')).id;

describe('changing the master key while everything runs', () => {
  let world: World;
  let old: string;
  let next: string;
  let prepared: Record<string, string>;
  let changed: Record<string, string>;
  let here: Api;
  let there: Api;
  let projector: AppProcess;
  let sessions: Issued[];
  let accountKey: string;
  let serviceKey: string;
  let destroyed: string[];
  let loads = 0;

  /** Signs in and lists at both processes, without a pause, until it is told to stop. */
  class Load {
    readonly accounts: string[] = [];
    private readonly number = ++loads;
    private stopped = false;
    private readonly running = Promise.all([0, 1].map((which) => this.run(which)));

    async stop(): Promise<void> {
      this.stopped = true;
      await this.running;
    }

    private async run(which: number): Promise<void> {
      for (let i = 0; !this.stopped; i++) {
        const [writes, reads] = which === i % 2 ? [here, there] : [there, here];
        const account = `under-load-${this.number}-${which}-${i}`;
        await issue(writes.service, account, sent);
        this.accounts.push(account);
        await showsPersonalData(reads.service, account);
        await showsPersonalData(reads.service, ACCOUNTS[i % ACCOUNTS.length]!);
      }
    }
  }

  async function showsPersonalData(service: Caller, account: string): Promise<void> {
    const listed = dataOf(await service.get(operatorPath(account))) as object[];
    expect(listed).toEqual([expect.objectContaining(shown)]);
  }

  const wrappedBy = async (masterKey: string) => {
    const { rows } = await world.owner.query<{ count: number }>(
      `SELECT (SELECT count(*) FROM event_log.subject_key WHERE wrapped_key IS NOT NULL AND master_key_id = $1)
            + (SELECT count(*) FROM access.signing_key WHERE wrapped_key IS NOT NULL AND master_key_id = $1)
            + (SELECT count(*) FROM event_log.checkpoint_key WHERE wrapped_key IS NOT NULL AND master_key_id = $1) AS count`,
      [idOf(masterKey)],
    );
    return rows[0]!.count;
  };

  beforeAll(async () => {
    world = await World.create();
    old = world.masterKey;
    next = newKey();
    prepared = { MASTER_KEY: old, NEW_MASTER_KEY: next };
    changed = { MASTER_KEY: next, PREVIOUS_MASTER_KEYS: old };
    // In the middle of a deployment: one process has the old variables still, the other the new ones already.
    here = await world.startApi(prepared);
    projector = await world.startProjector(prepared);
    sessions = await Promise.all(ACCOUNTS.map((account) => issue(here.service, account, sent)));
    ({ key: accountKey } = await createKey(here.service, {
      kind: 'account',
      accountId: ACCOUNTS[0],
      name: 'panel',
    }));
    ({ key: serviceKey } = await createKey(here.service, {
      kind: 'service',
      name: 'login',
      scopes: ['sessions:read'],
    }));
    there = await world.startApi(changed);
    dataOf(await here.service.post('/api/audit/checkpoints', undefined), 201);

    const masterKey = new MasterKey(Buffer.from(old, 'base64'));
    const keys = Array.from({ length: MORE_KEYS }, () => createSubjectKey(masterKey, '2026-10-01'));
    await world.owner.query(
      `INSERT INTO event_log.subject_key (key_id, stream_id, month, wrapped_key, master_key_id)
       SELECT key_id, 'account-' || key_id, '2026-10-01', wrapped_key, $3
       FROM unnest($1::uuid[], $2::bytea[]) AS k (key_id, wrapped_key)`,
      [keys.map(({ keyId }) => keyId), keys.map(({ wrappedKey }) => wrappedKey), masterKey.id],
    );
    destroyed = keys.slice(0, 100).map(({ keyId }) => keyId);
    await world.owner.query('UPDATE event_log.subject_key SET wrapped_key = NULL WHERE key_id = ANY ($1)', [
      destroyed,
    ]);
  });
  afterAll(() => world.stop());

  it('is refused with an old key that is not the one, and with one that is the same', async () => {
    const wrapped = await wrappedBy(old);
    const wrong = await keysRotate(world, ['master'], { MASTER_KEY: next, PREVIOUS_MASTER_KEYS: newKey() });
    expect([wrong.exit, wrong.said]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^MASTER_KEY_UNKNOWN: \\d+ keys in event_log.subject_key are wrapped by the master key ${idOf(old)}`,
        ),
      ),
    ]);
    const same = await keysRotate(world, ['master'], { NEW_MASTER_KEY: old });
    expect([same.exit, same.said]).toEqual([1, expect.stringMatching(/^MASTER_KEY_SAME: /)]);
    expect(await wrappedBy(old)).toBe(wrapped);
  });

  it('stands to be killed half-way under load, and then nobody notices', async () => {
    const load = new Load();
    const holding = createClient(world.database.ownerUrl);
    await holding.connect();
    await holding.query('BEGIN');
    await holding.query(
      `SELECT FROM event_log.subject_key WHERE key_id = (
         SELECT key_id FROM event_log.subject_key WHERE wrapped_key IS NOT NULL ORDER BY key_id OFFSET 1100 LIMIT 1)
       FOR UPDATE`,
    );
    const rotation = startKeysRotate(world, ['master'], changed);
    await rotation.says(/^event_log\.subject_key: 500 of \d+$/);
    rotation.kill();
    expect(await rotation.ended).toMatchObject({ exit: 'SIGKILL' });
    await holding.end();

    expect(await wrappedBy(next)).toBeGreaterThanOrEqual(500);
    expect(await wrappedBy(old)).toBeGreaterThan(0);
    await load.stop();
    for (const api of [here, there]) {
      for (const account of [...ACCOUNTS, ...load.accounts]) await showsPersonalData(api.service, account);
    }
  });

  it('lets no process start without the old key before it is done', async () => {
    const early = await startProcess('sessions-api', { ...world.variables, MASTER_KEY: next });
    expect(await early.exited).toBe(1);
    expect(early.output()).toContain(`wrapped by the master key ${idOf(old)}`);
  });

  it('is done when it is run again, under load, and leaves no key to the old one', async () => {
    await here.stop();
    here = await world.startApi(changed);
    const load = new Load();
    const { exit, said } = await keysRotate(world, ['master'], changed);
    expect([exit, said]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(`keys were wrapped anew; all are wrapped by the master key ${idOf(next)}$`),
      ),
    ]);
    expect(await wrappedBy(old)).toBe(0);
    await load.stop();
    for (const account of load.accounts) await showsPersonalData(here.service, account);
    const { rows } = await world.owner.query(
      'SELECT wrapped_key AS wrapped FROM event_log.subject_key WHERE key_id = ANY ($1)',
      [destroyed],
    );
    expect(rows).toEqual(destroyed.map(() => ({ wrapped: null })));
  });

  it('leaves everything good at processes that have the new key alone', async () => {
    await projected(world);
    const api = await world.startApi({ MASTER_KEY: next });
    for (const account of ACCOUNTS) await showsPersonalData(api.service, account);
    for (const { accessToken } of sessions) dataOf(await api.as(accessToken).get(OWN));
    dataOf(await api.as(accountKey).get(OWN));
    dataOf(await api.as(serviceKey).get(operatorPath(ACCOUNTS[0]!)));

    await projector.stop();
    await world.startProjector({ MASTER_KEY: next });
    await issue(api.service, 'last', sent);
    dataOf(await api.service.post('/api/audit/checkpoints', undefined), 201);
    await projected(world);
    await showsPersonalData(api.service, 'last');
  });
});
