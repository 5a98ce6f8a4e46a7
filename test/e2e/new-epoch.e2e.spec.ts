import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STREAM } from '#bus/subjects.js';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { untilWaitingForLock } from '../harness/lock-waits.js';
import { until } from '../harness/until.js';
import type { AppProcess } from './harness/app-process.js';
import { startCommand } from './harness/command.js';
import { copyLog, putBack } from './harness/older-copy.js';
import { auditProjected, projected } from './harness/projected.js';
import { logPosition } from './harness/recorded.js';
import { dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const COMMAND = 'sessions-api/src/epoch/new-epoch.js';

let world: World;

const newEpoch = async (...args: string[]) => {
  const { DATABASE_URL, NATS_URL } = world.variables as Record<string, string>;
  return startCommand(COMMAND, args, { DATABASE_URL: DATABASE_URL!, NATS_URL: NATS_URL! }).ended;
};

const epoch = async () =>
  (await world.owner.query('SELECT epoch FROM event_log.head')).rows[0].epoch as number;

async function stream() {
  const connection = await connect({ servers: world.nats.url });
  try {
    const { streams } = await jetstreamManager(connection);
    const { state } = await streams.info(STREAM);
    const last = await streams.getMessage(STREAM, { seq: state.last_seq });
    return { position: state.last_seq, log: last?.header.get('Signoff-Log') ?? '' };
  } finally {
    await connection.close();
  }
}

describe('a log that was put back to an older copy while everything runs', () => {
  let apis: Api[];
  let projector: AppProcess;
  let kept: Issued;
  let ended: Issued;
  let logId: string;
  const listed: string[][] = [];
  let listing: Promise<void>;
  let over = false;

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all([world.startApi(), world.startApi()]);
    projector = await world.startProjector();
    kept = await issue(apis[0]!.service, 'ada');
    ended = await issue(apis[0]!.service, 'ada');
    await copyLog(world);
    for (let i = 0; i < 5; i++) await issue(apis[i % 2]!.service, 'ada');
    dataOf(await apis[0]!.service.delete(`${operatorPath('ada')}/${ended.token}`));
    await projected(world);
    await auditProjected(world);
    logId = (await world.owner.query('SELECT log_id FROM event_log.head')).rows[0].log_id as string;
    await until(stream, ({ position }) => position === 8);
    await putBack(world);
    listing = (async () => {
      for (let i = 0; !over; i++) listed.push(await listedBy(apis[i % 2]!.service, operatorPath('ada')));
    })();
  });
  afterAll(() => world.stop());

  it('is told by the command, which changes nothing unless it is told to', async () => {
    const { exit, said } = await newEpoch();
    expect(exit).toBe(1);
    expect(said.split('\n').slice(0, 5)).toEqual([
      `The log ${logId} is in epoch 1, at position 2.`,
      'The read model sessions is at 8 of epoch 1: the log does not have that.',
      'The read model audit is at 8 of epoch 1: the log does not have that.',
      'The stream is at 8 of epoch 1: the log does not have that.',
      'With a new epoch, 2:',
    ]);
    expect(said).toContain('CONFIRMATION_MISSING: nothing was changed; repeat it with --yes');
    expect(await epoch()).toBe(1);
    expect(await stream()).toEqual({ position: 8, log: `${logId}/1` });
  });

  it('goes on as a new epoch when it is', async () => {
    const { exit, said } = await newEpoch('--yes');
    expect([exit, said]).toEqual([0, expect.stringContaining('epoch 2 has begun, at position 2.')]);
    expect(await epoch()).toBe(2);
  });

  it('is what relay and projector follow from then on, without being started again', async () => {
    await until(
      () => stream().catch(() => null),
      (found) => found?.position === 2 && found.log === `${logId}/2`,
    );
    await projector.logged('projection.started-again', { projection: 'sessions' });
    const { rows } = await until(
      () =>
        world.owner.query(`SELECT epoch, position FROM read_model.checkpoint WHERE projection = 'sessions'`),
      (answer) => answer.rows[0].epoch === 2 && answer.rows[0].position === 2,
    );
    expect(rows).toHaveLength(1);
    const sessions = await world.owner.query('SELECT session_id FROM read_model.session ORDER BY 1');
    expect(sessions.rows).toEqual([kept.token, ended.token].sort().map((session_id) => ({ session_id })));
    const messages = apis.flatMap((api) => api.lines()).map(({ msg }) => msg);
    expect(messages).toContain('relay.epoch-began');
  });

  it('is what was listed all the while', async () => {
    over = true;
    await listing;
    expect(listed.length).toBeGreaterThan(10);
    expect(new Set(listed.map(String))).toEqual(new Set([[ended.token, kept.token].join()]));
  });

  it('takes new events, which everybody gets', async () => {
    const fresh = await issue(apis[1]!.service, 'ada');
    await projected(world);
    await until(stream, ({ position }) => position === 3);
    for (const api of apis)
      expect(await listedBy(api.service, operatorPath('ada'))).toEqual([
        fresh.token,
        ended.token,
        kept.token,
      ]);
  });

  it('gets an epoch of its own when the same copy is put back again', async () => {
    await putBack(world);
    expect(await epoch()).toBe(1);
    expect((await newEpoch('--yes')).said).toContain('Epoch 1 has ended, epoch 3 has begun, at position 2.');
    await until(
      () => stream().catch(() => null),
      (found) => found?.position === 2 && found.log === `${logId}/3`,
    );
  });
});

describe('the command for a new epoch', () => {
  beforeAll(async () => {
    world = await World.create();
  });
  afterAll(() => world.stop());

  it('says so when nothing tells that the log was put back', async () => {
    const { exit, said } = await newEpoch();
    expect([exit, said]).toEqual([
      1,
      expect.stringContaining('There is no read model yet.\nThere is no stream.\n'),
    ]);
    expect(said).toContain('Nothing of that says that the log was put back to an older copy.');
  });

  it.each(['sessions', 'audit'])('begins one that %s has never followed', async (projection) => {
    await world.owner.query(
      `INSERT INTO read_model.checkpoint SELECT $1, log_id, epoch + 6, 3, '\\xab' FROM event_log.head`,
      [projection],
    );
    const before = await epoch();
    const { said } = await newEpoch('--yes');
    expect(said).toContain(`The read model ${projection} is at 3 of epoch ${before + 6}: the log does not`);
    expect(await epoch()).toBe(before + 7);
    await world.owner.query('DELETE FROM read_model.checkpoint');
  });

  it('does its work while NATS is away', async () => {
    await world.nats.stop();
    const before = await epoch();
    const { exit, said } = await newEpoch('--yes');
    await world.nats.start();
    expect([exit, said]).toEqual([0, expect.stringContaining('The stream was not looked at: ')]);
    expect(await epoch()).toBe(before + 1);
  });

  it('waits for whoever appends, and begins no epoch when another one has begun meanwhile', async () => {
    const before = await epoch();
    const other = await world.owner.connect();
    await other.query('BEGIN');
    await other.query('UPDATE event_log.head SET epoch = epoch + 1');
    const command = newEpoch('--yes');
    await untilWaitingForLock(world.owner, { application: 'signoff-new-epoch', count: 1 });
    await other.query('COMMIT');
    other.release();
    const { exit, said } = await command;
    expect([exit, said]).toEqual([1, expect.stringContaining('EPOCH_CHANGED: ')]);
    expect(await epoch()).toBe(before + 1);
    expect(await logPosition(world.owner)).toBe(0);
  });

  it.each([
    [['--help'], 0, 'Usage: npm run log:new-epoch'],
    [['--yse'], 2, "Unknown option '--yse'"],
    [['now'], 2, 'Unexpected argument'],
  ])('called with %j exits with %i', async (args, exit, says) => {
    const before = await epoch();
    const ended = await newEpoch(...args);
    expect([ended.exit, ended.said]).toEqual([exit, expect.stringContaining(says)]);
    expect(await epoch()).toBe(before);
  });
});
