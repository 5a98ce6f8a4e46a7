import { auditColumns, type AuditColumns } from '#read-model/audit-entries.js';
import { AUDIT_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import { openEvents, storable } from './opened-events.js';
import type { ProjectedTable } from './projected-tables.js';

interface AuditRow extends AuditColumns {
  readonly ipAddress: string | null;
  readonly subjectKeyId: string | null;
}

interface PreparedEntries {
  readonly rows: readonly AuditRow[];
  /** Streams of which keys were destroyed. */
  readonly erased: readonly string[];
}

/**
 * `read_model.audit_entry`: every event, by what an auditor searches for. What was erased is null whatever stands in a
 * batch together: keys are destroyed in the transaction of the event that says so, so that what comes up for opening
 * behind it, or with it, does not open any more, and what was opened before stands in an earlier row.
 */
export const AUDIT_TABLE: ProjectedTable<PreparedEntries> = {
  projection: AUDIT_PROJECTION,
  table: 'audit_entry',
  key: 'position',
  rows: 'entries',
  beside: [],

  preparing: (pool, masterKey) => async (events, logId) => {
    const opened = await openEvents(pool, masterKey, events, logId);
    const rows = (await auditColumns(pool, events)).map((columns) => {
      const found = opened.get(columns.position);
      const ipAddress = storable(found?.data?.ipAddress);
      return { ...columns, ipAddress, subjectKeyId: ipAddress === null ? null : found!.subjectKeyId };
    });
    const erased = events.filter(({ type }) => type === 'PersonalDataErased');
    return { rows, erased: [...new Set(erased.map(({ streamId }) => streamId))] };
  },

  // The next set has no index by account while it is filled: the log's index of streams finds what was erased.
  erasure: (set, { erased }) =>
    erased.length === 0
      ? undefined
      : {
          text: `UPDATE ${set}.audit_entry AS entry SET ip_address = NULL, subject_key_id = NULL
       FROM event_log.event AS sealed
       WHERE sealed.stream_id = ANY($1) AND sealed.sealed IS NOT NULL
         AND entry.position = sealed.position AND entry.subject_key_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM event_log.subject_key WHERE key_id = entry.subject_key_id AND wrapped_key IS NOT NULL)`,
          values: [erased],
        },

  changes: (set) => `written AS (
    INSERT INTO ${set}.audit_entry (position, recorded_at, type, account_id, session_id, actor_type, actor_id,
      credential, reason, ip_address, subject_key_id)
    SELECT * FROM unnest($7::bigint[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[],
      $13::text[], $14::text[], $15::text[], $16::text[], $17::uuid[])
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (position) DO UPDATE SET recorded_at = excluded.recorded_at, type = excluded.type,
      account_id = excluded.account_id, session_id = excluded.session_id, actor_type = excluded.actor_type,
      actor_id = excluded.actor_id, credential = excluded.credential, reason = excluded.reason,
      ip_address = excluded.ip_address, subject_key_id = excluded.subject_key_id
  )`,

  values: ({ rows }) => [
    rows.map(({ position }) => position),
    rows.map(({ recordedAt }) => recordedAt),
    rows.map(({ type }) => type),
    rows.map(({ accountId }) => accountId),
    rows.map(({ sessionId }) => sessionId),
    rows.map(({ actorType }) => actorType),
    rows.map(({ actorId }) => actorId),
    rows.map(({ credential }) => credential),
    rows.map(({ reason }) => reason),
    rows.map(({ ipAddress }) => ipAddress),
    rows.map(({ subjectKeyId }) => subjectKeyId),
  ],
};
