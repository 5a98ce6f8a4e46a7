import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Database, dataSourceOptions, projectorPool } from './database.js';

/** As PostgreSQL's protocol frames it. */
const message = (type: string, body: string) => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(length.length + body.length);
  return type + length.toString('latin1') + body;
};
const AUTHENTICATED = message('R', '\0\0\0\0');
const READY = message('Z', 'I');
const TERMINATED = message('E', 'SFATAL\0C57P01\0Mterminating connection\0\0');

let server: Server;
let config: { DATABASE_URL: string };

/** Cuts off everybody in the moment in which they are connected: all of it arrives at once. */
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(AUTHENTICATED + READY + TERMINATED, 'latin1'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  config = { DATABASE_URL: `postgresql://signoff:secret@127.0.0.1:${port}/signoff` };
});
afterAll(() => void server.close());

describe('a connection that is cut in the moment in which it is made', () => {
  it('fails what it was made for, and not the process, in the pool', async () => {
    const pool = projectorPool(config);
    const client = await pool.connect();
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release();
    await pool.end();
  });

  it('fails what it was made for, and not the process, in TypeORM', async () => {
    const database = new Database(new DataSource(dataSourceOptions(config)));
    await expect(database.connected()).rejects.toThrow();
  });
});
