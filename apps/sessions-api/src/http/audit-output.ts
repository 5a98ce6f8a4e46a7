import { z } from 'zod';
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
