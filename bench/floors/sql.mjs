import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { closedLoop } from '../measure.mjs';

/** What PostgreSQL has to do at least, asked by `pg` through a pool, with nothing in front of it. */
const STATEMENTS = {
  list: (account) => ({
    name: 'floor-list',
    text: `
      WITH live AS (
        SELECT * FROM read_model.session WHERE account_id = $1 AND expires_at > now()
      ), page AS (
        SELECT * FROM live ORDER BY issued_position DESC LIMIT 50
      ), shown AS (
        SELECT session_id, page.issued_at, expires_at, coalesce(last_seen_at, page.issued_at) AS last_seen_at, sealed, wrapped_key
        FROM page LEFT JOIN read_model.activity USING (session_id)
          LEFT JOIN event_log.event ON event.position = issued_position
          LEFT JOIN event_log.subject_key ON key_id = encode(substr(sealed, 2, 16), 'hex')::uuid
        ORDER BY issued_position DESC
      )
      SELECT (SELECT count(*) FROM live) AS total, (SELECT json_agg(shown) FROM shown)::text AS rows,
        coalesce((SELECT position FROM event_log.stream WHERE stream_id = $2), 0) <= coalesce((
          SELECT checkpoint.position FROM read_model.checkpoint JOIN event_log.head USING (log_id, epoch)
          JOIN event_log.event ON event.position = checkpoint.position AND event.hash = checkpoint.hash
          WHERE projection = 'sessions'), 0) AS complete`,
    values: [account, `account-${account}`],
  }),
  introspect: (account) => ({
    name: 'floor-look',
    text: `SELECT version, xmin, clock_timestamp() FROM event_log.stream WHERE stream_id = $1`,
    values: [`account-${account}`],
  }),
};

/** A log of its own, of the same shape, for appends that are not the service's. */
export const CREATE_LOG = `
  CREATE SCHEMA floor;
  CREATE TABLE floor.head (LIKE event_log.head INCLUDING ALL) WITH (fillfactor = 10);
  INSERT INTO floor.head SELECT true, log_id, 1, 0, 0, 0, hash, recorded_at FROM event_log.head;
  CREATE TABLE floor.stream (LIKE event_log.stream INCLUDING ALL);
  CREATE TABLE floor.event (LIKE event_log.event INCLUDING ALL);
  CREATE SEQUENCE floor.unordered START 1000000000000;
  GRANT USAGE ON SCHEMA floor TO signoff_app;
  GRANT ALL ON ALL TABLES IN SCHEMA floor TO signoff_app;
  GRANT ALL ON ALL SEQUENCES IN SCHEMA floor TO signoff_app`;

const DATA = JSON.stringify({
  sessionId: `session_${'0'.repeat(22)}`,
  reason: 'user',
  credentialsExpireAt: '2027-01-24T08:00:00.000Z',
});
const METADATA = JSON.stringify({
  actor: { type: 'account', id: 'user-00000001' },
  credential: `session_${'0'.repeat(22)}`,
  commandId: randomUUID(),
  requestId: randomUUID(),
});

const INSERT = `INSERT INTO floor.event (position, stream_id, version, event_id, type, schema, data, metadata, recorded_at, revocation, hash)`;
const STREAM = `INSERT INTO floor.stream (stream_id, version, position)`;
const MOVE = `ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, position = excluded.position`;

const eventOf = (streamId) => [streamId, randomUUID(), 'SessionRevoked', 1, DATA, METADATA, randomBytes(32)];

/** Ordered and checked as the service's appends are: lock the head, read the version, insert, move stream and head, commit. */
export async function fourStatements(pool, account) {
  const client = await pool.connect();
  try {
    const streamId = `account-${account}`;
    const [id, eventId, type, schema, data, metadata, hash] = eventOf(streamId);
    await client.query('BEGIN');
    const { rows: heads } = await client.query({
      name: 'floor-lock',
      text: 'SELECT position, revocations, hash FROM floor.head FOR UPDATE',
    });
    const { rows: streams } = await client.query({
      name: 'floor-version',
      text: 'SELECT version FROM floor.stream WHERE stream_id = $1',
      values: [id],
    });
    const [position, version] = [heads[0].position + 1, (streams[0]?.version ?? 0) + 1];
    await client.query({
      name: 'floor-insert',
      text: `WITH event AS (${INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10))
        ${STREAM} VALUES ($2, $3, $1) ${MOVE}`,
      values: [position, id, version, eventId, type, schema, data, metadata, position, hash],
    });
    await client.query({
      name: 'floor-move',
      text: 'UPDATE floor.head SET position = $1, revocations = $1, hash = $2, recorded_at = clock_timestamp()',
      values: [position, hash],
    });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** No order and no check, only durable: less than any log can do with. */
export function oneStatement(pool, account) {
  return pool.query({
    name: 'floor-one',
    text: `WITH next AS (SELECT nextval('floor.unordered') AS position), event AS (
        ${INSERT} SELECT position, $1, 1, $2, $3, $4, $5, $6, clock_timestamp(), position, $7 FROM next)
      ${STREAM} SELECT $1, 1, position FROM next ${MOVE}`,
    values: eventOf(`account-${account}`),
  });
}

if (process.send) {
  const pool = createPool(process.env.DATABASE_URL, { max: Number(process.env.DATABASE_POOL) });
  process.on('message', async ({ what, accounts, atOnce, seconds }) => {
    let next = 0;
    const ask = () => {
      const account = accounts[next++ % accounts.length];
      if (what === 'append') return fourStatements(pool, account);
      return pool.query(STATEMENTS[what](account));
    };
    process.send(await closedLoop(ask, { atOnce, seconds }));
  });
  process.once('disconnect', () => pool.end());
  process.send('ready');
}

/** A process that asks such statements, as many as `atOnce` at a time. */
export async function startSqlFloor(env) {
  const child = fork(import.meta.filename, { env });
  await once(child, 'message');
  return {
    pid: child.pid,
    run: async (job) => {
      child.send(job);
      const [told] = await once(child, 'message');
      return told;
    },
    stop: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
