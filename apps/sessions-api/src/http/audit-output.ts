import { z } from 'zod';
import type { AuditEntry } from '../queries/audit-entry.js';
import { instant, token, unknown } from './output.js';

export const auditEntryOutput = z.object({
  position: z.int().meta({ description: 'In the log: 1, 2, … without a gap.' }),
  type: z.string().meta({ example: 'SessionRevoked' }),
  recordedAt: instant,
  accountId: z.string().nullable(),
  token: token.nullable(),
  keyId: z.string().nullable().meta({ description: 'Of the API key that it is about.' }),
  actor: z
    .object({ type: z.string().meta({ example: 'account' }), id: z.string() })
    .nullable()
    .meta({ description: 'Who did it.' }),
  credential: z
    .string()
    .nullable()
    .meta({ description: 'The session or API key that asked, by its public name.' }),
  ipAddress: z.string().nullable().meta({ description: unknown }),
  userAgent: z.string().nullable().meta({ description: unknown }),
  reason: z.string().nullable(),
  note: z.string().nullable().meta({ description: unknown }),
  commandId: z.string().nullable(),
  requestId: z.string().nullable(),
  hash: z.string().meta({ description: "The event's hash in the chain of the log, hexadecimal." }),
});
export type AuditEntryOutput = z.output<typeof auditEntryOutput>;

export const sessionLifeOutput = z.object({ data: z.array(auditEntryOutput) });
export type SessionLifeOutput = z.output<typeof sessionLifeOutput>;

const page = {
  next: z
    .int()
    .nullable()
    .meta({ description: 'Where the next page begins: before. Null when there is none.' }),
  asOf: z
    .object({ position: z.int(), time: instant.nullable() })
    .meta({ description: 'All up to this position of the log was considered.' }),
};

export const auditOutput = z.object({ data: z.array(auditEntryOutput), ...page });
export type AuditOutput = z.output<typeof auditOutput>;

const ownEntryOutput = auditEntryOutput.extend({
  actor: z
    .object({ type: z.string().meta({ example: 'service' }), id: z.string().optional() })
    .nullable()
    .meta({ description: 'Without an id for services.' }),
});

export const ownHistoryOutput = z.object({ data: z.array(ownEntryOutput), ...page });
export type OwnHistoryOutput = z.output<typeof ownHistoryOutput>;

/** Which service did what, by which request, and what an operator noted is not the account's to see. */
export function toOwnEntry(entry: AuditEntry): z.output<typeof ownEntryOutput> {
  const { actor } = entry;
  if (actor?.type === 'account') return { ...entry, note: null };
  return {
    ...entry,
    actor: actor && { type: actor.type },
    credential: null,
    note: null,
    commandId: null,
    requestId: null,
  };
}
