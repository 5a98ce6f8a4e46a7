import { isDeepStrictEqual } from 'node:util';
import { createClient } from '#event-log/connection.js';
import { secondHash } from './second-hash.js';

interface Row {
  position: string;
  streamId: string;
  version: number;
  eventId: string;
  type: string;
  schema: number;
  data: string;
  sealed: Buffer | null;
  metadata: string;
  recordedAt: string;
  revocation: string | null;
  hash: Buffer;
}

export interface AuditedLog {
  readonly head: { logId: string; position: number; revocations: number; hash: string };
  /** Event ids in the order of the log: the one at position n stands at n − 1. */
  readonly eventIds: readonly string[];
}

/**
 * Reads the whole log past our own code, and throws unless it is whole: positions, versions and revocations without a gap,
 * times that never go back, every hash as the second implementation has it, head and streams at what was recorded last.
 */
export async function auditLog(ownerUrl: string): Promise<AuditedLog> {
  const client = createClient(ownerUrl);
  await client.connect();
  try {
    // One snapshot for everything.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const { rows: heads } = await client.query(
      `SELECT log_id, position, revocations, hash FROM event_log.head`,
    );
    const { rows } = await client.query<Row>(
      `SELECT position::text, stream_id AS "streamId", version, event_id::text AS "eventId", type, schema, data, sealed,
         metadata, trunc(extract(epoch FROM recorded_at) * 1000)::text AS "recordedAt", revocation::text, hash
       FROM event_log.event e ORDER BY e.position`,
    );
    const { rows: streams } = await client.query(`SELECT stream_id, version, position FROM event_log.stream`);
    const head = heads[0] as { log_id: string; position: number; revocations: number; hash: Buffer };
    const expected = await fold(head.log_id, rows);
    const found = {
      position: head.position,
      revocations: head.revocations,
      hash: head.hash.toString('hex'),
      streams: Object.fromEntries(
        streams.map((row) => [row.stream_id, { version: row.version, position: row.position }]),
      ),
    };
    for (const part of ['position', 'revocations', 'hash', 'streams'] as const) {
      if (!isDeepStrictEqual(found[part], expected[part])) {
        throw new Error(
          `the log's ${part}: ${JSON.stringify(found[part])}, its events say ${JSON.stringify(expected[part])}`,
        );
      }
    }
    const { position, revocations, hash } = found;
    return {
      head: { logId: head.log_id, position, revocations, hash },
      eventIds: rows.map(({ eventId }) => eventId),
    };
  } finally {
    await client.end();
  }
}

async function fold(logId: string, rows: readonly Row[]) {
  const streams: Record<string, { version: number; position: number }> = {};
  let position = 0;
  let revocations = 0;
  let time = 0;
  let hash = Buffer.alloc(32).toString('hex');
  for (const row of rows) {
    const version = (streams[row.streamId]?.version ?? 0) + 1;
    const revocation = row.type === 'SessionRevoked' ? String(++revocations) : null;
    const counters = { position: String(++position), version, revocation };
    const found = { position: row.position, version: row.version, revocation: row.revocation };
    if (!isDeepStrictEqual(found, counters)) {
      throw new Error(`an event has ${JSON.stringify(found)} where ${JSON.stringify(counters)} is due`);
    }
    if (Number(row.recordedAt) < time) throw new Error(`the time goes back at ${position}`);
    time = Number(row.recordedAt);
    hash = await secondHash(logId, Buffer.from(hash, 'hex'), {
      ...row,
      position: BigInt(row.position),
      recordedAt: BigInt(row.recordedAt),
      revocation: row.revocation === null ? null : BigInt(row.revocation),
    });
    if (row.hash.toString('hex') !== hash) throw new Error(`the chain breaks at ${position}`);
    streams[row.streamId] = { version, position };
  }
  return { position, revocations, hash, streams };
}
