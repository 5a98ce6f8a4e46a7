import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sessionIdFrom } from '#domain/identifier.js';
import { accountStreamId } from '#event-log/account-stream.js';
import { LogWriter } from '#event-log/writer.js';
import { append, newEvent } from '../harness/appends.js';
import { until } from '../harness/until.js';
import type { AppProcess } from './harness/app-process.js';
import { dataOf } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

let world: World;
let writer: LogWriter;
let api: Api;
let other: Api;
let projector: AppProcess;

beforeAll(async () => {
  world = await World.create();
  writer = new LogWriter(world.database.appUrl);
  const policy = { SESSION_IDLE_MINUTES: '1' };
  [api, other, projector] = await Promise.all([
    world.startApi(policy),
    world.startApi(policy),
    world.startProjector(),
  ]);
  await heartbeat();
});
afterAll(async () => {
  await writer.close();
  await world.stop();
});

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

async function issuedAnHourAgo(accountId: string): Promise<string> {
  const sessionId = sessionIdFrom(randomBytes(16));
  const data = JSON.stringify({ sessionId, issuedAt: ago(60), expiresAt: ago(-60) });
  await writer.append(append(accountStreamId(accountId), null, newEvent({ data })));
  return sessionId;
}

const listed = async (accountId: string) =>
  (dataOf(await other.service.get(`/api/accounts/${accountId}/sessions`)) as { token: string }[]).map(
    ({ token }) => token,
  );
const use = async (token: string) =>
  expect((await api.service.post(`/api/sessions/${token}/activity`, undefined)).status).toBe(202);

interface Heard {
  readonly since: Date;
  readonly at: Date;
}
const heard = async () =>
  (await world.owner.query<Heard>('SELECT since, at FROM read_model.activity_heard')).rows[0];
const now = async () => (await world.owner.query<Heard>('SELECT clock_timestamp() AS at')).rows[0]!.at;

/** The next one. */
async function heartbeat(): Promise<Heard> {
  const asked = await now();
  return (await until(heard, (found) => found !== undefined && found.at > asked))!;
}

const heardForAnHour = () =>
  world.owner.query(`UPDATE read_model.activity_heard SET since = since - interval '1 hour'`);

describe('a session that is in use', () => {
  it('stays though the projector is killed, and is held to be idle by nobody who did not hear of it', async () => {
    await heardForAnHour();
    const before = await heartbeat();
    const [used, unused] = [await issuedAnHourAgo('ada'), await issuedAnHourAgo('bob')];
    await projector.kill();
    await use(used);
    // As it is when no heartbeat has come for so long.
    await world.owner.query(`UPDATE read_model.activity_heard SET at = at - interval '31 seconds'`);
    expect(await listed('ada')).toEqual([used]);
    expect(await listed('bob')).toEqual([unused]);

    projector = await world.startProjector();
    expect((await heartbeat()).since).toEqual(before.since);
    expect(await listed('ada')).toEqual([used]);
    expect(await listed('bob')).toEqual([]);
  });

  it('stays after NATS was restarted, and forgot who was in use', async () => {
    await heardForAnHour();
    const before = await heartbeat();
    const unused = await issuedAnHourAgo('carol');
    await world.nats.stop();
    await world.nats.start();
    const { since } = (await until(heard, (found) => found!.since > before.at))!;
    await until(heard, (found) => found!.at > since);
    expect(await listed('carol')).toEqual([unused]);
    await heardForAnHour();
    expect(await listed('carol')).toEqual([]);
  });
});
