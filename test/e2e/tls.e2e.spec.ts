import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect as connectNats } from '@nats-io/transport-node';
import { Client } from 'pg';
import { connect } from '#revocations/connect.js';
import { ownerRole } from '../../stack/src/postgres-ready.js';
import { startNats } from '../harness/nats.js';
import { until } from '../harness/until.js';
import { startProcess } from './harness/app-process.js';
import { type Authority, makeAuthority } from './harness/certificates.js';
import { type OwnPostgres, startOwnPostgres } from './harness/own-postgres.js';
import { logPosition } from './harness/recorded.js';
import { issue, listedBy, operatorPath } from './harness/sessions.js';
import { verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

describe('with TLS between all parts', () => {
  let ours: Authority;
  let another: Authority;
  let postgres: OwnPostgres;
  let world: World;
  let api: Api;

  /** As docs/operations.md has it: PostgreSQL's in the URL, that of NATS by Node. */
  const trusting = ({ file }: Authority, host = 'localhost') => {
    const database = new URL(postgres.appUrl);
    database.hostname = host;
    database.search = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`;
    return { DATABASE_URL: database.href, NODE_EXTRA_CA_CERTS: file };
  };

  beforeAll(async () => {
    [ours, another] = await Promise.all([makeAuthority(), makeAuthority()]);
    const [forPostgres, forNats] = [
      await ours.certify('postgres', 'DNS:localhost'),
      await ours.certify('nats', 'DNS:localhost'),
    ];
    const hba = forPostgres.cert.replace(/crt$/, 'hba');
    // The application's role is let in by TLS alone.
    await writeFile(
      hba,
      `hostssl all signoff_app all scram-sha-256\nhost all ${ownerRole} all scram-sha-256\n`,
    );
    postgres = await startOwnPostgres({
      ssl: 'on',
      ssl_cert_file: forPostgres.cert,
      ssl_key_file: forPostgres.key,
      hba_file: hba,
    });
    const tls = `tls { cert_file: "${forNats.cert}", key_file: "${forNats.key}" }`;
    world = World.on(postgres, await startNats(tls, ours.pem));
    [api] = await Promise.all([world.startApi(trusting(ours)), world.startProjector(trusting(ours))]);
  });
  afterAll(() => world.stop());

  const relayed = async () => {
    const bus = await connectNats({ servers: world.nats.url, tls: { ca: ours.pem } });
    try {
      const position = await logPosition(world.owner);
      const info = async () =>
        (await bus.request('$JS.API.STREAM.INFO.SESSIONS', '', { timeout: 5_000 })).json<{
          state?: { last_seq: number; messages: number };
        }>();
      const { state } = (await until(info, (answer) => answer.state?.last_seq === position)) as {
        state: { messages: number };
      };
      return state.messages;
    } finally {
      await bus.close();
    }
  };

  it('sessions are issued, listed and ended, and everybody hears of it', async () => {
    const billing = connect({
      nats: { servers: world.nats.url, tls: { ca: ours.pem } },
      service: 'billing',
      instance: 'one',
    });
    await billing.ready();
    const { token } = await issue(api.service, 'ada');
    expect(await listedBy(api.service, operatorPath('ada'))).toEqual([token]);
    const ended = await api.service.delete(`${operatorPath('ada')}/${token}`, {
      headers: { prefer: 'wait=10' },
    });
    expect(ended.body.data.revoked).toBe(true);
    expect(ended.body.effect).toMatchObject({ inEffect: true });
    expect(verdict(billing, token)).toBe(true);
    expect(await listedBy(api.service, operatorPath('ada'))).toEqual([]);
    await billing.close();
    expect(await relayed()).toBe(await logPosition(world.owner));
    const checkpoint = () =>
      world.owner.query("SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'");
    const position = await logPosition(world.owner);
    await until(checkpoint, ({ rows }) => Number(rows[0]?.position) === position);
  });

  it('every connection of API and projector to PostgreSQL is encrypted', async () => {
    const { rows } = await world.owner.query(
      `SELECT count(*)::int AS all, count(*) FILTER (WHERE ssl)::int AS encrypted
       FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'signoff_app'`,
    );
    expect(rows[0].all).toBeGreaterThan(3);
    expect(rows[0].encrypted).toBe(rows[0].all);
  });

  it('who does not speak TLS is let in by neither', async () => {
    const plain = new Client({ connectionString: postgres.appUrl });
    await expect(plain.connect()).rejects.toThrow(/no pg_hba.conf entry.*no encryption/);
    const connecting = connectNats({
      servers: world.nats.url.replace('tls:', 'nats:'),
      tls: null,
      reconnect: false,
    });
    await expect(connecting).rejects.toThrow();
  });

  it.each([
    ['signed by somebody else', () => trusting(another)],
    ['for another name', () => trusting(ours, '127.0.0.1')],
  ])('a PostgreSQL whose certificate is %s is refused', async (_, variables) => {
    const refused = await startProcess('sessions-api', { ...world.variables, ...variables() });
    expect(await refused.exited).toBe(1);
    expect(refused.output()).toMatch(/certificate|altnames/);
  });

  it('a NATS whose certificate is signed by somebody else is refused', async () => {
    const log = () => readFile(join(world.nats.storeDir, 'nats-server.log'), 'utf8');
    const refusals = async () => (await log()).match(/TLS handshake error/g)?.length ?? 0;
    const before = await refusals();
    const { DATABASE_URL } = trusting(ours);
    const untrusting = await world.startApi({ DATABASE_URL, NODE_EXTRA_CA_CERTS: another.file });
    await until(refusals, (count) => count > before + 1);
    const { body } = await untrusting.as().get('/health/ready');
    expect(body.degraded).toContain('nats');
    await issue(untrusting.service, 'eve');
    await untrusting.stop();
  });
});
