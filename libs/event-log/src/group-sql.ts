import type { GroupPlan } from './plan-group.js';
import type { Append } from './append.js';
import { HEAD_COLUMNS } from './head.js';
import { STREAM_ROW, STREAM_ROW_WRITTEN_NOW } from './stream-row.js';

export const lockHead = {
  name: 'log-lock-head',
  text: `SELECT ${HEAD_COLUMNS} FROM event_log.head FOR UPDATE`,
};

export interface ReadUnderLock {
  readonly now: number;
  readonly row: string;
  readonly streams: Record<string, { version: number; row: string }> | null;
}

/**
 * A statement of its own, behind the lock: PostgreSQL evaluates what a locking SELECT returns before it waits for the
 * lock, and takes a statement's snapshot when the statement starts.
 */
export const readUnderLock = (appends: readonly Append[]) => ({
  name: 'log-read-under-lock',
  text: `
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now, ${STREAM_ROW_WRITTEN_NOW} AS row,
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

export const writeGroup = ({ events, streams, subjectKeys, destroyedKeys, commands, head }: GroupPlan) => {
  const at = new Date(head.recordedAt).toISOString();
  return {
    name: 'log-write-group',
    text: `
      WITH events AS (
        INSERT INTO event_log.event (position, stream_id, version, event_id, type, schema, data, sealed, metadata,
          recorded_at, revocation, hash)
        SELECT position, stream_id, version, event_id, type, schema, data, sealed, metadata, $25::timestamptz, revocation, hash
        FROM unnest($1::bigint[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::bytea[],
          $9::text[], $10::bigint[], $11::bytea[])
          AS e (position, stream_id, version, event_id, type, schema, data, sealed, metadata, revocation, hash)
      ), streams AS (
        INSERT INTO event_log.stream (stream_id, version, position)
        SELECT * FROM unnest($12::text[], $13::int[], $14::bigint[])
        ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, position = excluded.position
      ), subject_keys AS (
        INSERT INTO event_log.subject_key (key_id, stream_id, month, wrapped_key, master_key_id)
        SELECT * FROM unnest($15::uuid[], $16::text[], $17::date[], $18::bytea[], $19::text[])
      ), destroyed_keys AS (
        UPDATE event_log.subject_key SET wrapped_key = NULL WHERE key_id = ANY($31::uuid[])
      ), commands AS (
        INSERT INTO event_log.command (principal, operation, key, stream_id, request_hash, outcome, position, recorded_at)
        SELECT principal, operation, key, stream_id, request_hash, outcome, position, clock_timestamp()
        FROM unnest($20::text[], $21::text[], $22::text[], $23::text[], $24::bytea[], $29::jsonb[], $30::bigint[])
          AS c (principal, operation, key, stream_id, request_hash, outcome, position)
      )
      UPDATE event_log.head SET position = $26::bigint, revocations = $27, hash = $28, recorded_at = $25::timestamptz
      WHERE position <> $26::bigint`,
    values: [
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
      commands.map((command) => command.principal),
      commands.map((command) => command.operation),
      commands.map((command) => command.key),
      commands.map((command) => command.streamId),
      commands.map((command) => command.requestHash),
      at,
      head.position,
      head.revocations,
      head.hash,
      commands.map((command) => JSON.stringify(command.outcome)),
      commands.map((command) => command.position),
      destroyedKeys,
    ],
  };
};
