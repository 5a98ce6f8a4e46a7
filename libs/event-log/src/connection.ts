import type { Duplex } from 'node:stream';
import { Client, Pool, types, type ClientConfig, type PoolConfig } from 'pg';

const INT8 = 20;
const TEXT_FORMAT_PARSERS = new Map<number, (text: string) => unknown>([[INT8, Number]]);

/** Counters are far below 2^53: `bigint` arrives as a number. */
const typeParsers: ClientConfig['types'] = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && TEXT_FORMAT_PARSERS.get(oid)) ||
    types.getTypeParser(oid, format)) as typeof types.getTypeParser,
};

export function createPool(connectionString: string, options: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString, types: typeParsers, connectionTimeoutMillis: 2_000, ...options });
  // Without a listener, a connection that is cut while it idles would end the process; the pool replaces it. It does not
  // listen to those that are lent out: what they are asked next fails.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

export function createClient(connectionString: string, options: ClientConfig = {}): Client {
  return new Client({ connectionString, types: typeParsers, connectionTimeoutMillis: 2_000, ...options });
}

/** What is asked of a pipelining client leaves in one write, where each statement by itself would wake PostgreSQL. */
export function inOneWrite<Answer>(client: Client, ask: () => Answer): Answer {
  const { stream } = (client as Client & { connection: { stream: Duplex } }).connection;
  stream.cork();
  try {
    return ask();
  } finally {
    stream.uncork();
  }
}
