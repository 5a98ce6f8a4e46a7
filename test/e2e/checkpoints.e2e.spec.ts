import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { parseCheckpoint } from '#event-log/checkpoint.js';
import { openNote, parseVerifier } from '#event-log/signed-note.js';
import { until } from '../harness/until.js';
import { createKey, dataOf, issue } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const PATH = '/api/audit/checkpoints';

interface Made {
  readonly number: number;
  readonly position: number;
  readonly note: string;
}

let world: World;
let api: Api;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
});
afterAll(() => world.stop());

const keys = async () =>
  (await api.as().get('/.well-known/signoff-checkpoint-key')).text.split('\n').slice(0, -1);
const make = async () => dataOf(await api.service.post(PATH, undefined), 201) as Made;
const head = async () => {
  const { rows } = await world.owner.query<{ position: number; hash: Buffer }>(
    'SELECT position, hash FROM event_log.head',
  );
  return rows[0]!;
};

describe('the checkpoints of the log', () => {
  it('are none at first, though the key that will sign them is known', async () => {
    expect(await api.service.get(`${PATH}/latest`)).toMatchObject({
      status: 404,
      body: { code: 'CHECKPOINT_NOT_FOUND' },
    });
    expect(await api.service.get(PATH)).toMatchObject({ status: 200, body: { data: [], next: null } });
    const answer = await api.as().get('/.well-known/signoff-checkpoint-key');
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.text).toMatch(/^signoff\/[0-9a-f-]{36}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\n$/);
  });

  it('are made of a log with events, without being asked', async () => {
    await issue(api.service, 'ada');
    const { body } = await until(
      () => api.service.get(`${PATH}/latest`),
      ({ status }) => status === 200,
      30_000,
    );
    const { position, hash } = await head();
    const text = openNote(body.data.note, (await keys()).map(parseVerifier));
    expect(parseCheckpoint(text)).toMatchObject({ position, hash, epoch: 1 });
    expect(body.data).toMatchObject({ number: 1, epoch: 1, position });
  });

  it('are made when they are asked for, published, and read in pages', async () => {
    const connection = await connect({ servers: world.nats.url });
    const heard: string[] = [];
    connection.subscribe('signoff.checkpoint', {
      callback: (_, message) => void heard.push(message.string()),
    });
    await connection.flush();
    await issue(api.service, 'ada');
    const second = await make();
    expect(second).toMatchObject({ number: 2, position: (await head()).position });
    expect(await make()).toEqual(second);
    await issue(api.service, 'ada');
    const third = await make();
    expect(third.number).toBe(3);
    await until(
      () => heard,
      (notes) => notes.length === 2,
    );
    expect(heard).toEqual([second.note, third.note]);
    await connection.close();

    const page = await api.service.get(`${PATH}?limit=2`);
    expect(page.body).toMatchObject({ data: [{ number: 1 }, { number: 2 }], next: 2 });
    const rest = await api.service.get(`${PATH}?limit=2&after=2`);
    expect(rest.body).toEqual({ data: [third], next: null });
    expect((await api.service.get(`${PATH}/latest`)).body).toEqual({ data: third });
  });

  it('are for whoever may read the trail', async () => {
    const { key } = await createKey(api.service, { kind: 'service', name: 'x', scopes: ['sessions:read'] });
    for (const path of [PATH, `${PATH}/latest`]) {
      expect(await api.as(key).get(path)).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
      expect(await api.as().get(path)).toMatchObject({ status: 401 });
    }
    expect(await api.as(key).post(PATH, undefined)).toMatchObject({ status: 403 });
    for (const query of ['limit=0', 'limit=1001', 'after=-1', 'after=x', 'after=1&after=2']) {
      expect(await api.service.get(`${PATH}?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'INPUT_INVALID' },
      });
    }
  });

  it('are made while NATS is away', async () => {
    await world.nats.stop();
    await issue(api.service, 'ada');
    expect(await make()).toMatchObject({ number: 4, position: (await head()).position });
    await world.nats.start();
  });

  it('are made no more once the log contradicts them, and everybody is told', async () => {
    await world.owner.query(`SET session_replication_role = replica;
      UPDATE event_log.event SET hash = sha256(hash) WHERE position = (SELECT position FROM event_log.head);
      UPDATE event_log.head SET hash = sha256(hash);
      SET session_replication_role = origin`);
    expect(await api.service.post(PATH, undefined)).toMatchObject({
      status: 409,
      body: {
        code: 'LOG_DIFFERS_FROM_CHECKPOINT',
        detail: expect.stringMatching(/^checkpoint 4, of position/),
      },
    });
    expect(await api.logged('checkpoint.refused')).toMatchObject({
      level: 50,
      code: 'LOG_DIFFERS_FROM_CHECKPOINT',
    });
    expect((await api.as().get('/metrics')).text).toMatch(/^signoff_checkpoint_refused 1$/m);
    expect((await api.service.get(`${PATH}/latest`)).body.data.number).toBe(4);
  });
});
