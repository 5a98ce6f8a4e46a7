import type { GroupPlan } from './plan-group.js';
import type { Append } from './append.js';
import { HEAD_COLUMNS } from './head.js';
import { POSTGRES_TIME } from './postgres-time.js';
import type { StreamPlace } from './stream-look.js';
import { HEAD_ROW, ROW_WRITTEN_NOW, STREAM_ROW } from './stream-row.js';

export const lockHead = {
  name: 'log-lock-head',
  text: `SELECT ${HEAD_COLUMNS} FROM event_log.head FOR UPDATE`,
};

/** PostgreSQL's time, in milliseconds since 1970, and what the rows are named that the transaction writes. */
export interface Written {
  readonly now: number;
  readonly row: string;
}

export interface ReadUnderLock extends Written {
  readonly streams: Record<string, { version: number; row: string }> | null;
}

/**
 * A statement of its own, behind the lock: PostgreSQL evaluates what a locking SELECT returns before it waits for the
 * lock, and takes a statement's snapshot when the statement starts.
 */
export const readUnderLock = (appends: readonly Append[]) => ({
  name: 'log-read-under-lock',
  text: `
    SELECT ${POSTGRES_TIME} AS now, ${ROW_WRITTEN_NOW} AS row,
      (SELECT json_object_agg(stream_id, json_build_object('version', version, 'row', ${STREAM_ROW}))
        FROM event_log.stream WHERE stream_id = ANY($1)) AS streams`,
  values: [[...new Set(appends.map(({ streamId }) => streamId))]],
});

export const readOutcomes = (appends: readonly Append[]) => {
  const keys = appends.flatMap(({ command }) => command ?? []);
  return {
    name: 'log-read-outcomes',
    text: `
      SELECT principal, operation, key, request_hash AS "requestHash", outcome, position FROM event_log.command
      WHERE (principal, operation, key) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))`,
    values: [
      keys.map(({ principal }) => principal),
      keys.map(({ operation }) => operation),
      keys.map(({ key }) => key),
    ],
  };
};

/** `moves`: whether the head is moved to `$20`; where it is not, no row is written. */
const moveHead = (moves: string) => `
      WITH moved AS (
        UPDATE event_log.head SET position = $20::bigint, revocations = $21, hash = $22, recorded_at = $23::timestamptz
        WHERE ${moves} RETURNING true
      ), events AS (
        INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, sealed, metadata,
          recorded_at, revocation, hash)
        SELECT position, stream_id, version, event_id, type, schema, data, sealed, metadata, $23::timestamptz, revocation, hash
        FROM moved, unnest($1::bigint[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::bytea[],
          $9::text[], $10::bigint[], $11::bytea[])
          AS e (position, stream_id, version, event_id, type, schema, data, sealed, metadata, revocation, hash)
      ), streams AS (
        INSERT INTO event_log.stream (stream_id, version, position)
        SELECT written.* FROM moved, unnest($12::text[], $13::int[], $14::bigint[]) AS written
        ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, position = excluded.position
      ), subject_keys AS (
        INSERT INTO event_log.subject_key (key_id, stream_id, month, wrapped_key, master_key_id)
        SELECT key.* FROM moved, unnest($15::uuid[], $16::text[], $17::date[], $18::bytea[], $19::text[]) AS key
      )`;

const moved = ({ events, streams, subjectKeys, head }: GroupPlan) => [
  events.map((event) => event.position),
  events.map((event) => event.streamId),
  events.map((event) => event.version),
  events.map((event) => event.eventId),
  events.map((event) => event.type),
  events.map((event) => event.schema),
  events.map((event) => event.data),
  events.map((event) => event.sealed),
  events.map((event) => event.metadata),
  events.map((event) => event.revocation),
  events.map((event) => event.hash),
  [...streams.keys()],
  [...streams.values()].map(({ version }) => version),
  [...streams.values()].map(({ position }) => position),
  subjectKeys.map((key) => key.keyId),
  subjectKeys.map((key) => key.streamId),
  subjectKeys.map((key) => key.month),
  subjectKeys.map((key) => key.wrappedKey),
  subjectKeys.map((key) => key.masterKeyId),
  head.position,
  head.revocations,
  head.hash,
  new Date(head.recordedAt).toISOString(),
];

/** Behind `readUnderLock`, in its transaction. */
export const writeGroup = (plan: GroupPlan) => {
  const { commands, destroyedKeys } = plan;
  return {
    name: 'log-write-group',
    text: `${moveHead('position <> $20::bigint')}, destroyed_keys AS (
        UPDATE event_log.subject_key SET wrapped_key = NULL WHERE key_id = ANY($24::uuid[])
      )
      INSERT INTO event_log.command (principal, operation, key, stream_id, request_hash, outcome, position, recorded_at)
      SELECT principal, operation, key, stream_id, request_hash, outcome, position, clock_timestamp()
      FROM unnest($25::text[], $26::text[], $27::text[], $28::text[], $29::bytea[], $30::jsonb[], $31::bigint[])
        AS c (principal, operation, key, stream_id, request_hash, outcome, position)`,
    values: [
      ...moved(plan),
      destroyedKeys,
      commands.map((command) => command.principal),
      commands.map((command) => command.operation),
      commands.map((command) => command.key),
      commands.map((command) => command.streamId),
      commands.map((command) => command.requestHash),
      commands.map((command) => JSON.stringify(command.outcome)),
      commands.map((command) => command.position),
    ],
  };
};

/**
 * A transaction of its own, and nothing where the head's row is not `headRow` any more, or a stream is not where the decision
 * had it. Every group writes the head: where its row is the same, so is the log, at whatever moment the statement looked.
 */
export const writeGroupBehind = (headRow: string, plan: GroupPlan, decidedOn: readonly StreamPlace[]) => ({
  name: 'log-write-group-behind',
  text: `${moveHead(`${HEAD_ROW} = $24 AND NOT EXISTS (
          SELECT FROM unnest($12::text[], $25::int[], $26::text[]) AS decided_on (stream_id, version, row)
            LEFT JOIN LATERAL (
              SELECT version, ${STREAM_ROW} AS row FROM event_log.stream WHERE stream.stream_id = decided_on.stream_id OFFSET 0
            ) AS found ON true
          WHERE coalesce(found.version, 0) <> decided_on.version OR found.row <> decided_on.row)`)}
      SELECT ${POSTGRES_TIME} AS now, ${ROW_WRITTEN_NOW} AS row FROM moved`,
  values: [...moved(plan), headRow, decidedOn.map(({ version }) => version), decidedOn.map(({ row }) => row)],
});
