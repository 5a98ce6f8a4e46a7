import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVENT_COLUMNS, type RecordedEvent } from '#event-log/event.js';
import { exported } from '../harness/exported.js';
import { devices } from './harness/devices.js';
import { projected } from './harness/projected.js';
import { dataOf, issue, operatorPath } from './harness/sessions.js';
import { signoff, startSignoff } from './harness/signoff.js';
import { type Api, World } from './harness/world.js';

let world: World;
let api: Api;
let folder: string;
let last: number;
let events: RecordedEvent[];
let logId: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  folder = await mkdtemp(join(tmpdir(), 'signoff-verify-'));
  const asked = { SIGNOFF_URL: api.url, SIGNOFF_KEY: world.bootstrapKey };
  const keep = async (name: string, ...args: string[]) =>
    writeFile(file(name), (await signoff(args, asked)).out, { flag: 'a' });
  for (let i = 0; i < 5; i++) await issue(api.service, `account-${i}`, devices[0]!.sent);
  await keep('kept.txt', 'checkpoint', 'make');
  dataOf(await api.service.delete(operatorPath('account-1')));
  await issue(api.service, 'account-1');
  await keep('kept.txt', 'checkpoint', 'make');
  await keep('key.txt', 'checkpoint', 'key');
  const { rows } = await world.owner.query<RecordedEvent>(
    `SELECT ${EVENT_COLUMNS} FROM event_log.event ORDER BY position`,
  );
  events = rows;
  last = rows.at(-1)!.position;
  const { rows: heads } = await world.owner.query<{ id: string }>('SELECT log_id AS id FROM event_log.head');
  logId = heads[0]!.id;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await world.stop();
});

const onDatabase = (...args: string[]) =>
  signoff(['verify', ...args], { DATABASE_URL: world.variables.DATABASE_URL });
/** Offline: with nothing in its environment. */
const onExport = (...args: string[]) => signoff(['verify', '--export', file('trail.ndjson'), ...args]);
const KEPT = () => ['--checkpoints', file('kept.txt'), '--key', file('key.txt')];

describe('signoff verify, on a log that is whole', () => {
  it('says so, and exits with 0, while everything runs', async () => {
    const { exit, out, err } = await onDatabase(...KEPT());
    expect([exit, err]).toEqual([0, '']);
    expect(out).toMatch(
      new RegExp(
        `^log ${logId}, epoch 1, up to position ${last}\n${last} events checked in .+\n2 checkpoints that were kept elsewhere agree, the newest at position ${last}\n2 checkpoints beside the events agree, the newest at position ${last}\nOK: `,
      ),
    );
  });

  it('says what it went by when it was given nothing', async () => {
    const { exit, out } = await onDatabase();
    expect(exit).toBe(0);
    expect(out).toContain(
      'not checked: who signed the checkpoints: the keys were taken from the same database',
    );
  });

  it('prints it as JSON', async () => {
    const { exit, out } = await onDatabase('--json', ...KEPT());
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      logId,
      events: last,
      position: last,
      findings: [],
      keptCheckpoints: { agreed: 2, newest: last },
      unchecked: [],
    });
  });

  it('works on an export without anything else, from a file or a pipe', async () => {
    const lines = exported({ logId, epoch: 1, after: 0, filter: null }, events).join('');
    await writeFile(file('trail.ndjson'), lines);
    expect(await onExport(...KEPT())).toMatchObject({
      exit: 0,
      err: '',
      out: expect.stringContaining('\nOK: '),
    });
    const piped = startSignoff(['verify', '--export', '-', '--json']);
    piped.child.stdin.end(lines);
    expect(JSON.parse((await piped.ended).out)).toMatchObject({ ok: true, events: last });
  });

  it('works on what signoff export has written', async () => {
    const asked = { SIGNOFF_URL: api.url, SIGNOFF_KEY: world.bootstrapKey };
    expect(await signoff(['export', '--output', file('real.ndjson')], asked)).toMatchObject({ exit: 0 });
    const { exit, out } = await signoff(['verify', '--export', file('real.ndjson'), ...KEPT()]);
    expect([exit, out]).toEqual([
      0,
      expect.stringMatching(/\n2 checkpoints beside the events agree[^]+"entry"[^]+\nOK: /),
    ]);
    await rm(file('real.ndjson'));
  });

  it('takes the key as a text, and checkpoints from a folder', async () => {
    const key = (await readFile(file('key.txt'), 'utf8')).trim();
    expect(await onDatabase('--key', key, '--checkpoints', file('kept.txt'), '--json')).toMatchObject({
      exit: 0,
    });
    expect(await onDatabase('--key', key, '--checkpoints', folder)).toMatchObject({
      exit: 1,
      out: expect.stringContaining('it is no signed note'),
    });
  });
});

describe('signoff verify, on one that is not', () => {
  const tampered = async (statement: string, look: () => Promise<void>) => {
    const client = await world.owner.connect();
    await client.query('SET session_replication_role = replica');
    await client.query('CREATE TEMP TABLE before AS TABLE event_log.event');
    await client.query(statement);
    try {
      await look();
    } finally {
      await client.query('DELETE FROM event_log.event; INSERT INTO event_log.event SELECT * FROM before');
      client.release(true);
    }
  };

  it('names the first bad position and what is wrong, and exits with 1', async () => {
    await tampered(`UPDATE event_log.event SET data = data || ' ' WHERE position IN (3, 5)`, async () => {
      const { exit, out } = await onDatabase(...KEPT());
      expect(exit).toBe(1);
      expect(out).toMatch(
        /\nposition 3: hash: its hash is not that of its columns.+\nposition 5: hash: .+\nNOT OK: the first bad position is 3\n$/,
      );
      const found = JSON.parse((await onDatabase('--json')).out);
      expect(found).toMatchObject({
        ok: false,
        findingCount: 2,
        findings: [{ position: 3, check: 'hash' }, { position: 5 }],
      });
    });
  });

  it('sees in an export what was changed, and where it was cut off', async () => {
    const lines = exported({ logId, epoch: 1, after: 0, filter: null }, events);
    await writeFile(
      file('trail.ndjson'),
      lines.with(4, lines[4]!.replace('SessionIssued', 'SessionEnded')).join(''),
    );
    expect(await onExport()).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/the first bad position is 4\n$/),
    });
    await writeFile(file('trail.ndjson'), lines.slice(0, 4).join(''));
    expect(await onExport()).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/the first bad position is 4\n$/),
    });
  });

  it('fails in one line where there is nothing to verify', async () => {
    await writeFile(file('trail.ndjson'), 'hello\n');
    expect(await onExport()).toEqual({ exit: 1, out: '', err: 'failed: line 1 is not JSON\n' });
    expect(await onDatabase('--key', file('none'))).toMatchObject({
      exit: 1,
      out: '',
      err: expect.stringMatching(/^failed: ENOENT.+\n$/),
    });
    const away = await signoff(['verify'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' });
    expect(away).toEqual({
      exit: 1,
      out: '',
      err: expect.stringMatching(/^failed: connect ECONNREFUSED .+\n$/),
    });
  });
});

describe('signoff rebuild', () => {
  it('runs the projector’s own, with what it needs, and ends as that ends', async () => {
    const projector = await world.startProjector();
    await projected(world);
    const { DATABASE_URL, MASTER_KEY } = world.variables;
    const done = await signoff(['rebuild'], {
      DATABASE_URL,
      MASTER_KEY,
      MIGRATION_DATABASE_URL: world.database.ownerUrl,
    });
    expect(done).toMatchObject({ exit: 0, out: expect.stringContaining('lists read the new tables') });
    expect(await signoff(['rebuild'], { DATABASE_URL })).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/^MASTER_KEY: /),
    });
    await projector.stop();
  });
});
