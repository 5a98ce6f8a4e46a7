import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { ensureStream } from '../dist/libs/bus/src/stream.js';
import { createPool } from '../dist/libs/event-log/src/connection.js';
import { hashEvent } from '../dist/libs/event-log/src/hash-chain.js';
import { MasterKey } from '../dist/libs/event-log/src/master-key.js';
import { readHead } from '../dist/libs/event-log/src/read.js';
import { createSubjectKey, seal } from '../dist/libs/event-log/src/sealing.js';
import { root } from './stack.mjs';

const BATCH = 5_000;
const DAY_MS = 86_400_000;
const METADATA =
  '{"actor":{"type":"service","id":"bench"},"credential":"bench","commandId":"bench","requestId":"bench"}';

export const USER_AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  'Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
];

export const accountOf = (n) => `user-${String(n).padStart(8, '0')}`;
export const sessionOf = (n) => `session_${String(n).padStart(22, '0')}`;
export const ipAddressOf = (n) => `198.51.${(n >> 8) % 256}.${n % 256}`;

/** When everything that is seeded was issued, and when it expires. */
export const times = () => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  return {
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 30 * DAY_MS).toISOString(),
  };
};

/** Session n is account n % accounts': what belongs together lies apart, as in a log that has grown. */
export function* sessionsIssued(accounts, sessions, { issuedAt, expiresAt }) {
  for (let n = 0; n < sessions; n++) {
    yield {
      account: accountOf(n % accounts),
      type: 'SessionIssued',
      data: { sessionId: sessionOf(n), issuedAt, expiresAt },
      personal: {
        ipAddress: ipAddressOf(n),
        userAgent: USER_AGENTS[n % USER_AGENTS.length],
        fingerprint: randomUUID(),
      },
    };
  }
}

/** Writes events to the log as its writer does: numbered, chained, what is personal sealed. No writer may run meanwhile. */
export async function writeLog(ownerUrl, masterKey, events) {
  const owner = createPool(ownerUrl, { max: 1 });
  const key = new MasterKey(Buffer.from(masterKey, 'base64'));
  const head = await readHead(owner);
  const recordedAt = Math.max(head.recordedAt, Math.floor(Date.now() / 1_000) * 1_000);
  const month = `${new Date(recordedAt).toISOString().slice(0, 7)}-01`;
  const streams = new Map();
  let [rows, keys] = [[], []];
  const write = async () => {
    await insert(owner, 'event_log.subject_key', KEY_COLUMNS, keys);
    await insert(owner, 'event_log.event', EVENT_COLUMNS, rows);
    [rows, keys] = [[], []];
  };
  for (const { account, type, data, personal } of events) {
    const streamId = `account-${account}`;
    const stream = streams.get(streamId) ?? { version: 0 };
    streams.set(streamId, stream);
    if (personal && !stream.key) {
      stream.key = createSubjectKey(key, month);
      keys.push({ ...stream.key, streamId });
    }
    const eventId = randomUUID();
    const event = {
      position: ++head.position,
      streamId,
      version: ++stream.version,
      eventId,
      type,
      schema: 1,
      data: JSON.stringify(data),
      sealed: personal
        ? seal(personal, stream.key, key, { logId: head.logId, streamId, eventId, type })
        : null,
      metadata: METADATA,
      recordedAt,
      revocation: type === 'SessionRevoked' ? ++head.revocations : null,
    };
    head.hash = event.hash = hashEvent(head.logId, head.hash, event);
    rows.push({ ...event, recordedAt: new Date(recordedAt).toISOString() });
    if (rows.length === BATCH) await write();
  }
  await write();
  await owner.query(
    `INSERT INTO event_log.stream (stream_id, version, position)
     SELECT stream_id, max(version), max(position) FROM event_log.event GROUP BY stream_id
     ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, position = excluded.position`,
  );
  await owner.query(
    'UPDATE event_log.head SET position = $1, revocations = $2, hash = $3, recorded_at = $4',
    [head.position, head.revocations, head.hash, new Date(recordedAt).toISOString()],
  );
  await owner.query('VACUUM (ANALYZE) event_log.event, event_log.stream, event_log.subject_key');
  await owner.end();
  return head;
}

const KEY_COLUMNS = {
  stream_id: ['text', 'streamId'],
  key_id: ['uuid', 'keyId'],
  month: ['date', 'month'],
  wrapped_key: ['bytea', 'wrappedKey'],
  master_key_id: ['text', 'masterKeyId'],
};

const EVENT_COLUMNS = {
  position: ['bigint', 'position'],
  stream_id: ['text', 'streamId'],
  version: ['int', 'version'],
  event_id: ['uuid', 'eventId'],
  type: ['text', 'type'],
  schema: ['int', 'schema'],
  data: ['text', 'data'],
  sealed: ['bytea', 'sealed'],
  metadata: ['text', 'metadata'],
  recorded_at: ['timestamptz', 'recordedAt'],
  revocation: ['bigint', 'revocation'],
  hash: ['bytea', 'hash'],
};

async function insert(owner, table, columns, rows) {
  const arrays = Object.values(columns).map(([type], i) => `$${i + 1}::${type}[]`);
  await owner.query({
    name: `seed-${table}`,
    text: `INSERT INTO ${table} (${Object.keys(columns).join()}) SELECT * FROM unnest(${arrays.join()})`,
    values: Object.values(columns).map(([, field]) => rows.map((row) => row[field])),
  });
}

/** Fills the read model from the log, as an operator does. */
export async function rebuildReadModel({ env, ownerUrl }) {
  for (const projection of ['sessions', 'audit']) {
    const command = join(root, 'dist/apps/session-projector/src/rebuild.js');
    execFileSync(process.execPath, [command, projection], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const owner = createPool(ownerUrl, { max: 1 });
  await owner.query('VACUUM (ANALYZE) read_model.session, read_model.audit_entry');
  await owner.query('CHECKPOINT');
  await owner.end();
}

/** Has the stream stand where the log does, as if all that it held had aged out. */
export async function ageStreamOut(natsUrl, position) {
  const connection = await connect({ servers: natsUrl });
  const manager = await jetstreamManager(connection);
  const settings = { replicas: 1, maxAgeMs: 100 * DAY_MS, maxBytes: -1 };
  const { state } = await ensureStream(connection, manager, settings, async () => position + 1);
  // nats-server 2.9 cannot begin anywhere but at 1: it has to be given something to forget.
  for (let sequence = state.last_seq + 1; sequence <= position; sequence++) {
    connection.publish('sessions.issued.0');
    if (sequence % 10_000 === 0) await connection.flush();
  }
  await connection.flush();
  while ((await manager.streams.info('SESSIONS')).state.last_seq < position);
  await manager.streams.purge('SESSIONS', { seq: position + 1 });
  await connection.close();
}
