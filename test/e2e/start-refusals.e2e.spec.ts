import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess } from './harness/app-process.js';
import { issue } from './harness/sessions.js';
import { World } from './harness/world.js';

describe('a process that must not start', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    const api = await world.startApi();
    await issue(api.service, 'ada');
    await api.stop();
  });
  afterAll(() => world.stop());

  /** What it says before it exits with 1. */
  async function refusal(app: string, variables: Record<string, string>): Promise<string> {
    const refused = await startProcess(app, { ...world.variables, ...variables });
    const started = refused.logged(app === 'sessions-api' ? 'api.listening' : 'projector.started');
    await started.then(refused.kill, () => undefined);
    expect(await refused.exited).toBe(1);
    return refused.output();
  }

  it('names every problem of its environment', async () => {
    const output = await refusal('sessions-api', {
      NODE_ENV: 'staging',
      LOG_LEVEL: 'loud',
      PORT: '65536',
      DATABASE_URL: 'mysql://127.0.0.1/signoff',
      DATABASE_POOL: '0',
      NATS_URL: '',
      MASTER_KEY: randomBytes(16).toString('base64'),
      BOOTSTRAP_SERVICE_KEY: 'x'.repeat(31),
      SESSIONS_PER_ACCOUNT: '1.5',
      STREAM_REPLICAS: 'three',
      STREAM_MAX_AGE_DAYS: '90',
      STREAM_MAX_BYTES: '-2',
    });
    expect(output.split('\n').map((line) => line.split(':')[0])).toEqual([
      'NODE_ENV',
      'LOG_LEVEL',
      'PORT',
      'DATABASE_URL',
      'DATABASE_POOL',
      'NATS_URL',
      'MASTER_KEY',
      'BOOTSTRAP_SERVICE_KEY',
      'SESSIONS_PER_ACCOUNT',
      'STREAM_REPLICAS',
      'STREAM_MAX_AGE_DAYS',
      'STREAM_MAX_BYTES',
    ]);
  });

  it('names every problem of the projector’s environment', async () => {
    const output = await refusal('session-projector', {
      PROJECTOR_PORT: 'x',
      MASTER_KEY: '',
      NATS_URL: 'http://x',
    });
    expect(output.split('\n').map((line) => line.split(':')[0])).toEqual([
      'PROJECTOR_PORT',
      'NATS_URL',
      'MASTER_KEY',
    ]);
  });

  it('would erase what is personal of sessions that can still live', async () => {
    const output = await refusal('sessions-api', { SESSION_MAX_LIFE_DAYS: '30', PERSONAL_DATA_DAYS: '30' });
    expect(output).toContain('PERSONAL_DATA_DAYS: must exceed SESSION_MAX_LIFE_DAYS by a day');
  });

  it('says no secret when it names a problem', async () => {
    const MASTER_KEY = randomBytes(31).toString('base64');
    const BOOTSTRAP_SERVICE_KEY = randomBytes(20).toString('base64url');
    const output = await refusal('sessions-api', { MASTER_KEY, BOOTSTRAP_SERVICE_KEY });
    expect(output).toMatch(/MASTER_KEY.*\nBOOTSTRAP_SERVICE_KEY/);
    expect(output).not.toContain(MASTER_KEY);
    expect(output).not.toContain(BOOTSTRAP_SERVICE_KEY);
  });

  it('has another master key than the database was set up with', async () => {
    await world.owner.query('DELETE FROM event_log.checkpoint_key');
    const output = await refusal('sessions-api', { MASTER_KEY: randomBytes(32).toString('base64') });
    expect(output).toMatch(/SigningKeyUnopened.*master key/);
  });

  it.each(
    ['sessions-api', 'session-projector'].flatMap((app) =>
      ['personal data', 'checkpoints'].map((what) => [what, app] as const),
    ),
  )('has another master key than wraps the key of %s: %s', async (what, app) => {
    const sealed = await World.create();
    const api = await sealed.startApi();
    if (what === 'checkpoints') await api.as().get('/.well-known/signoff-checkpoint-key');
    else await issue(api.service, 'ada', { ipAddress: '203.0.113.9' });
    await api.stop();
    const DATABASE_URL = sealed.database.appUrl;
    const output = await refusal(app, { DATABASE_URL });
    await sealed.stop();
    expect(output).toMatch(
      /MasterKeyMissing.*wrapped by the master key \w{16}, which is not among those given/,
    );
  });

  it('would use a database as its owner, who may change events', async () => {
    const output = await refusal('sessions-api', { DATABASE_URL: world.database.ownerUrl });
    expect(output).toContain('may change or delete events');
  });

  it('finds a database that is not migrated', async () => {
    const name = `empty_${randomBytes(6).toString('hex')}`;
    const empty = new URL(world.database.appUrl);
    empty.pathname = name;
    await world.owner.query(`CREATE DATABASE ${name}`);
    expect(await refusal('sessions-api', { DATABASE_URL: empty.href })).toContain('is not migrated');
    await world.owner.query(`DROP DATABASE ${name}`);
  });

  it('finds a database that does not keep what it was told', async () => {
    const { pathname } = new URL(world.database.ownerUrl);
    const alter = `ALTER DATABASE ${pathname.slice(1)}`;
    await world.owner.query(`${alter} SET synchronous_commit = off`);
    expect(await refusal('sessions-api', {})).toContain('fsync and synchronous_commit');
    await world.owner.query(`${alter} RESET synchronous_commit`);
  });

  it('starts as a projector though PostgreSQL is away, with which nothing can be compared', async () => {
    const projector = await world.startProjector({ DATABASE_URL: 'postgres://app:x@127.0.0.1:1/signoff' });
    await projector.logged('projector.degraded', { projection: 'sessions' });
  });

  it('starts where none of this is wrong', async () => {
    const api = await world.startApi();
    expect((await api.as().get('/health/ready')).status).toBe(200);
  });
});
