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

/**
 * Outlives the cut of its connection: what it is asked then fails. Without a listener the cut itself would end the process,
 * and a pool listens to those that idle only: not to those that are lent out, not even to one that is cut as it connects.
 */
export class SteadyClient extends Client {
  constructor(options?: ClientConfig) {
    super(options);
    this.on('error', () => undefined);
  }
}

/**
 * Of a pool in a process that stays: it closes no connection because nobody asks for one, since a new one has to be
 * authenticated, and PostgreSQL has to plan and find everything anew. TCP keeps them known to whatever lies between.
 */
export const KEPT_CONNECTIONS = {
  idleTimeoutMillis: 0,
  keepAlive: true,
  keepAliveInitialDelayMillis: 30_000,
} satisfies PoolConfig;

export function createPool(connectionString: string, options: PoolConfig = {}): Pool {
  const pool = new Pool({
    connectionString,
    types: typeParsers,
    connectionTimeoutMillis: 2_000,
    Client: SteadyClient,
    ...options,
  });
  // It tells of those that idle, which it replaces.
  pool.on('error', () => undefined);
  return pool;
}

export function createClient(connectionString: string, options: ClientConfig = {}): Client {
  return new SteadyClient({
    connectionString,
    types: typeParsers,
    connectionTimeoutMillis: 2_000,
    ...options,
  });
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
