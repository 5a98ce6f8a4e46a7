import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accountStreamId } from '#event-log/account-stream.js';
import { sealedUnder } from '#event-log/sealing.js';
import { auditLog } from '../harness/audit.js';
import { until } from '../harness/until.js';
import { BusListener } from './harness/bus-listener.js';
import type { AppProcess } from './harness/app-process.js';
import { devices } from './harness/devices.js';
import { Scrape } from './harness/metrics.js';
import { projected } from './harness/projected.js';
import { logPosition } from './harness/recorded.js';
import { rebuilt } from './harness/rebuild.js';
import { createKey, dataOf, issue, type Issued, operatorPath } from './harness/sessions.js';
import { databaseTexts, formsOf, messageText } from './harness/traces.js';
import { type Api, World } from './harness/world.js';

const NOTE = 'called-by-phone-and-named-the-dog';
/** More than it takes until a fold of the account's stream is kept in the database. */
const LONG_STREAM = 110;
const NOTHING = { ipAddress: null, userAgent: null, browser: null, os: null, device: null };

const dataPath = (account: string) => `/api/accounts/${account}/personal-data`;
const personalOf = (list: unknown) =>
  (list as Record<string, unknown>[]).map(({ ipAddress, userAgent, browser, os, device }) => ({
    ipAddress,
    userAgent,
    browser,
    os,
    device,
  }));

/** Everything that lies in a folder, byte for byte. */
async function folderText(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

describe('erasing what is personal of an account', () => {
  let world: World;
  let api: Api;
  let other: Api;
  let projector: AppProcess;
  let sessions: Issued[];
  let bystander: Issued;
  let erased: { months: string[]; position: number; complete: boolean };

  const secrets = () => [
    NOTE,
    ...devices.flatMap(({ sent, shown }) => [...Object.values(sent), shown.ipAddress]),
  ];
  const foundIn = (text: string) =>
    secrets().filter((secret) => formsOf(secret).some((form) => text.includes(form)));

  beforeAll(async () => {
    world = await World.create();
    const noisy = { LOG_LEVEL: 'trace' };
    [api, other, projector] = await Promise.all([
      world.startApi(noisy),
      world.startApi(noisy),
      world.startProjector(noisy),
    ]);
    sessions = [];
    for (const { sent } of devices) sessions.push(await issue(api.service, 'ada', sent));
    for (let i = 0; i < LONG_STREAM; i++) {
      const { token } = await issue(other.service, 'ada', devices[i % devices.length]!.sent);
      await api.service.delete(`${operatorPath('ada')}/${token}`, { body: { note: NOTE } });
    }
    bystander = await issue(api.service, 'bob', { ipAddress: '192.0.2.55', userAgent: 'curl/8.5.0' });
    await projected(world);
    // Both have it in whatever they keep.
    for (const one of [api, other]) {
      await one.service.get(operatorPath('ada'));
      await one.as(sessions[0]!.accessToken).get('/api/account/sessions');
    }
  });
  afterAll(() => world.stop());

  it('needs the scope for it', async () => {
    const { key } = await createKey(api.service, { kind: 'service', name: 'audit', scopes: ['audit:read'] });
    const answer = await api.as(key).delete(dataPath('ada'));
    expect([answer.status, answer.body.code]).toEqual([403, 'SCOPE_MISSING']);
    const own = await api.as(sessions[0]!.accessToken).delete(dataPath('ada'));
    expect([own.status, own.body.code]).toEqual([403, 'SERVICE_KEY_REQUIRED']);
  });

  it('finds it beforehand', async () => {
    expect(personalOf(dataOf(await api.service.get(operatorPath('ada')))).map(({ os }) => os)).toEqual(
      devices.map(({ shown }) => shown.os).toReversed(),
    );
    expect(foundIn((await databaseTexts(world.owner)).get('read_model.audit_entry')!)).toContain(
      '203.0.113.24',
    );
  });

  it('answers what was erased, and that the read models have it', async () => {
    const answer = await api.service.delete(dataPath('ada'));
    expect(answer.status).toBe(200);
    erased = dataOf(answer) as typeof erased;
    const month = `${new Date().toISOString().slice(0, 7)}-01`;
    expect(erased).toEqual({ months: [month], position: await logPosition(world.owner), complete: true });
  });

  it('shows nothing of it from then on, at any process, and the sessions live on', async () => {
    for (const one of [api, other]) {
      const list = dataOf(await one.service.get(operatorPath('ada'))) as { token: string }[];
      expect(list.map(({ token }) => token)).toEqual(sessions.map(({ token }) => token).toReversed());
      expect(personalOf(list)).toEqual(sessions.map(() => NOTHING));
      const own = dataOf(await one.as(sessions[0]!.accessToken).get('/api/account/sessions'));
      expect(personalOf(own)).toEqual(sessions.map(() => NOTHING));
      expect((own as { fingerprint: unknown }[]).every(({ fingerprint }) => fingerprint === null)).toBe(true);
    }
  });

  it('leaves no byte of it in any table, in the stream, its files, logs or metrics', async () => {
    const bus = await BusListener.start(world.nats.url, 'sessions.*.*');
    const messages = await bus.reached(await logPosition(world.owner));
    await bus.stop();
    const places = new Map(await databaseTexts(world.owner));
    places.set('the stream', messages.map(messageText).join('\n'));
    places.set("the stream's files", await folderText(world.nats.storeDir));
    places.set('logs', api.output() + other.output() + projector.output());
    for (const format of ['ndjson', 'csv']) {
      places.set(`the ${format} export`, (await api.service.get(`/api/audit/export?format=${format}`)).text);
    }
    places.set('metrics', (await api.as().get('/metrics')).text);
    expect(places.get("the stream's files")).toContain(sessions[0]!.token);
    expect(
      [...places].flatMap(([place, text]) => foundIn(text).map((secret) => `${secret} in ${place}`)),
    ).toEqual([]);
  });

  it('leaves no key that would open it, and those of others', async () => {
    const { rows } = await world.owner.query<{ stream_id: string; alive: boolean }>(
      `SELECT stream_id, wrapped_key IS NOT NULL AS alive FROM event_log.subject_key WHERE stream_id LIKE 'account-%'
       ORDER BY stream_id`,
    );
    expect(rows).toEqual([
      { stream_id: 'account-ada', alive: false },
      { stream_id: 'account-bob', alive: true },
    ]);
    expect(personalOf(dataOf(await api.service.get(operatorPath('bob'))))).toMatchObject([
      { ipAddress: '192.0.2.55' },
    ]);
    expect(bystander.token).toMatch(/^session_/);
  });

  it('is itself recorded, and leaves the chain whole', async () => {
    const { rows } = await world.owner.query<{ data: string; metadata: string }>(
      `SELECT data, metadata FROM event_log.event WHERE stream_id = 'account-ada' AND type = 'PersonalDataErased'`,
    );
    expect(rows.map(({ data }) => JSON.parse(data) as unknown)).toEqual([{ months: erased.months }]);
    expect(JSON.parse(rows[0]!.metadata)).toMatchObject({ actor: { type: 'service' } });
    expect((await auditLog(world.database.ownerUrl)).head.position).toBe(await logPosition(world.owner));
  });

  it('has nothing left to do when it is asked for again', async () => {
    const before = await logPosition(world.owner);
    const again = dataOf(await other.service.delete(dataPath('ada')));
    expect(again).toMatchObject({ months: [], complete: true });
    expect(await logPosition(world.owner)).toBe(before);
  });

  it('gives what comes later a new key', async () => {
    const { sent, shown } = devices[0]!;
    await issue(other.service, 'ada', sent);
    const [newest, ...older] = personalOf(dataOf(await api.service.get(operatorPath('ada'))));
    expect(newest).toMatchObject(shown);
    expect(older).toEqual(sessions.map(() => NOTHING));
  });

  it('stays erased when the read model is built again', async () => {
    await rebuilt(world);
    const [newest, ...older] = personalOf(dataOf(await api.service.get(operatorPath('ada'))));
    expect(newest).toMatchObject(devices[0]!.shown);
    expect(older).toEqual(sessions.map(() => NOTHING));
  });

  it('says when the read model still has it, and shows nothing all the same', async () => {
    await projector.stop();
    expect(dataOf(await api.service.delete(dataPath('ada')))).toMatchObject({ complete: false });
    expect(personalOf(dataOf(await other.service.get(operatorPath('ada'))))[0]).toEqual(NOTHING);
    projector = await world.startProjector();
    await until(
      async () => foundIn((await databaseTexts(world.owner)).get('read_model.audit_entry')!),
      (found) => found.length === 0,
    );
  });

  it('reaches all that was recorded before it and nothing that came after, whoever issues meanwhile', async () => {
    for (let round = 0; round < 15; round++) {
      const account = `racer-${round}`;
      const work = [api, other].flatMap(({ service }) => [
        issue(service, account, devices[0]!.sent),
        service.delete(dataPath(account)),
        issue(service, account, devices[1]!.sent),
      ]);
      await Promise.all(work);
      const { rows } = await world.owner.query<{ version: number; type: string; sealed: Buffer | null }>(
        'SELECT version, type, sealed FROM event_log.event WHERE stream_id = $1 ORDER BY version',
        [accountStreamId(account)],
      );
      const erasedAt = Math.max(
        0,
        ...rows.filter(({ type }) => type === 'PersonalDataErased').map(({ version }) => version),
      );
      const { rows: keys } = await world.owner.query<{ key_id: string; alive: boolean }>(
        'SELECT key_id, wrapped_key IS NOT NULL AS alive FROM event_log.subject_key WHERE stream_id = $1',
        [accountStreamId(account)],
      );
      const alive = new Map(keys.map((key) => [key.key_id, key.alive]));
      const issued = rows.filter(({ sealed }) => sealed !== null);
      expect(issued).toHaveLength(4);
      expect(issued.map(({ sealed }) => alive.get(sealedUnder(sealed!)))).toEqual(
        issued.map(({ version }) => version > erasedAt),
      );
    }
  });
});

describe('erasing by age', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
  });
  afterAll(() => world.stop());

  const age = (stream: string, days: number) =>
    world.owner.query(
      `UPDATE event_log.subject_key SET month = date_trunc('month', now() - $2 * interval '1 day') WHERE stream_id LIKE $1`,
      [stream, days],
    );

  it('erases the months that ended so long ago, and no younger one', async () => {
    const projector = await world.startProjector();
    const before = await world.startApi();
    const { sent, shown } = devices[0]!;
    for (const account of ['old', 'young']) await issue(before.service, account, sent);
    const { key } = await createKey(before.service, {
      kind: 'service',
      name: 'login',
      scopes: ['sessions:read'],
    });
    await projected(world);
    await age('account-old', 93 + 31);
    await age('key-%', 93 + 31);
    const api = await world.startApi({ PERSONAL_DATA_DAYS: '92' });
    await until(
      async () => personalOf(dataOf(await before.service.get(operatorPath('old')))),
      (list) => list[0]!.ipAddress === null,
    );
    expect(personalOf(dataOf(await api.service.get(operatorPath('young'))))).toMatchObject([shown]);
    const { rows } = await world.owner.query<{ metadata: string; stream_id: string }>(
      `SELECT stream_id, metadata FROM event_log.event WHERE type = 'PersonalDataErased'`,
    );
    expect(rows.map(({ stream_id }) => stream_id)).toEqual(['account-old']);
    expect(JSON.parse(rows[0]!.metadata)).toMatchObject({ actor: { type: 'service', id: 'policy' } });
    // What an API key is known by is sealed as well, and does not age.
    expect((await api.as(key).get(operatorPath('young'))).status).toBe(200);
    await projector.stop();
  });

  it('tells the operator while it cannot', async () => {
    const mayErase = (verb: 'GRANT' | 'REVOKE') => {
      const role = `${verb === 'GRANT' ? 'TO' : 'FROM'} ${new URL(world.database.appUrl).username}`;
      return world.owner.query(`${verb} UPDATE ON event_log.subject_key ${role}`);
    };
    const failing = async (event: string) => {
      const api = await world.startApi({ PERSONAL_DATA_DAYS: '92' });
      await api.logged(event);
      return (await Scrape.of(api.as())).value('signoff_retention_failing');
    };
    await age('account-young', 93 + 31);
    await mayErase('REVOKE');
    expect(await failing('retention.failed')).toBe(1);
    await mayErase('GRANT');
    expect(await failing('retention.erased')).toBe(0);
  });
});
