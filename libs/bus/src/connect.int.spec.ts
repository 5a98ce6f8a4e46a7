import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { type NatsServer, startNatsServer } from '../../../stack/src/nats-server.js';
import { until } from '../../../test/harness/until.js';
import { connectBus } from './connect.js';

let storeDir: string;
let server: NatsServer;
let connection: NatsConnection | undefined;

/** Whoever gives no name may look at nothing; `api` needs this password. */
const asking = (password: string) => `
  authorization {
    users = [
      { user: guest, password: guest, permissions: { publish: "guest", subscribe: "guest" } }
      { user: api, password: "${password}" }
    ]
  }
  no_auth_user: guest`;

const start = async (password: string, port?: number) =>
  (server = await startNatsServer({ storeDir, port, extraConfig: asking(password) }));
const urlFor = (userInfo: string) => `nats://${userInfo}@127.0.0.1:${server.port}`;

beforeEach(async () => {
  storeDir = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'nats-'));
});
afterEach(async () => {
  await connection?.close();
  connection = undefined;
  await server.stop();
  await rm(storeDir, { recursive: true, force: true });
});

const mayListen = async (subject: string) => {
  const subscription = connection!.subscribe(subject, { max: 1 });
  await connection!.flush();
  connection!.publish(subject);
  for await (const _ of subscription) return true;
  return false;
};

describe('connecting to a nats-server that asks for a login', () => {
  it('takes user and password from the URL, percent-encoded', async () => {
    await start('p/w:d@1');
    connection = await connectBus(urlFor('api:p%2Fw%3Ad%401'), 'test');
    expect(await mayListen('sessions.issued.1')).toBe(true);
  });

  it('is a stranger there without them', async () => {
    await start('secret');
    connection = await connectBus(server.url, 'test');
    await expect(mayListen('sessions.issued.1')).rejects.toThrow(errors.PermissionViolationError);
  });

  it('goes on trying when it is refused, until it is let in', async () => {
    await start('old');
    let isIn = false;
    const connecting = connectBus(urlFor('api:new'), 'test').then((made) => {
      isIn = true;
      return (connection = made);
    });
    const { port } = server;
    await refusals(3);
    expect(isIn).toBe(false);
    await server.stop();
    await start('new', port);
    await connecting;
    expect(await mayListen('sessions.issued.1')).toBe(true);
  });
});

async function refusals(count: number): Promise<void> {
  const said = async () => (await server.logTail()).match(/authentication error/gi)?.length ?? 0;
  await until(said, (refused) => refused >= count);
}
