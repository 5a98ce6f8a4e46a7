import { z } from 'zod';

/** The answers of the API, for its OpenAPI description. */
export const instant = z.string().meta({ format: 'date-time', example: '2026-11-24T08:16:00.123Z' });
export const token = z
  .string()
  .meta({ example: 'session_1k9fXb2mQ7RtZp0sVwYc3D', description: 'Public: it authenticates nothing.' });
export const unknown = 'Null when it was not given, or was erased.';

export const sessionOutput = z.object({
  token,
  issuedAt: instant,
  expiresAt: instant,
  expiresAtTimestamp: z.int().meta({ description: 'expiresAt in milliseconds since 1970' }),
  isCurrent: z.boolean(),
  ipAddress: z.string().nullable().meta({ description: unknown }),
  userAgent: z.string().nullable().meta({ description: unknown }),
  browser: z.string().nullable().meta({ example: 'Chrome' }),
  os: z.string().nullable().meta({ example: 'Windows 10' }),
  device: z.string().nullable().meta({ example: 'Desktop' }),
  lastSeenAt: instant,
  firstSeenAt: instant,
  fingerprint: z.string().nullable().meta({ description: 'Of the current session only, else null.' }),
});

export type SessionOutput = z.output<typeof sessionOutput>;

export const oneSessionOutput = z.object({ data: sessionOutput });
export type OneSessionOutput = z.output<typeof oneSessionOutput>;

export const countOutput = z.object({ data: z.object({ count: z.int() }) });
export type CountOutput = z.output<typeof countOutput>;

const paginationOutput = z.object({ page: z.int(), perPage: z.int(), total: z.int(), totalPages: z.int() });

const onlyOfHistory = 'Only with `status` or `at`. Null while the session lives.';

const listedSessionOutput = sessionOutput.extend({
  endedAt: instant.nullable().optional().meta({ description: onlyOfHistory }),
  endReason: z
    .string()
    .nullable()
    .optional()
    .meta({
      description: `${onlyOfHistory} As in the log, or \`expired\`.`,
      example: 'user',
    }),
  endedBy: z
    .string()
    .nullable()
    .optional()
    .meta({
      description: `${onlyOfHistory} The public name of the credential that asked; null as well when none did, and towards an account when a service did.`,
    }),
});

export const sessionsOutput = z.object({
  data: z.array(listedSessionOutput),
  currentToken: token.nullable(),
  pagination: paginationOutput,
});
export type SessionsOutput = z.output<typeof sessionsOutput>;

export const revocationOutput = z.object({
  revocation: z.int().meta({ description: 'Its number among all revocations: 1, 2, … without a gap.' }),
  position: z.int(),
  token,
  credentialsExpireAt: instant.meta({ description: 'When the last credential of the session has expired.' }),
});
export type RevocationOutput = z.output<typeof revocationOutput>;

export const headOutput = z.object({
  logId: z.string(),
  epoch: z.int(),
  position: z.int(),
  revocations: z.int().meta({ description: 'The number of the newest revocation.' }),
  revocationsFloor: z
    .int()
    .meta({ description: 'All up to this one concern credentials that have expired.' }),
  time: instant,
});
export type HeadOutput = z.output<typeof headOutput>;

export const revocationsOutput = z.object({ data: z.array(revocationOutput), head: headOutput });
export type RevocationsOutput = z.output<typeof revocationsOutput>;

const instanceEffectOutput = z.object({
  instance: z.string(),
  bootId: z.string().meta({ description: 'Another one at each start.' }),
  state: z.enum(['in_effect', 'refusing', 'not_in_effect']).meta({
    description: 'refusing: its lease has ended, and it refuses every session until it holds all revocations',
  }),
  position: z
    .int()
    .nullable()
    .meta({ description: 'Up to where it holds all revocations. Null: not known.' }),
  behind: z.object({ revocations: z.int(), milliseconds: z.int() }).nullable(),
});

export const effectOutput = z.object({
  position: z.int().meta({ description: 'Of the log: the revocations in question end there.' }),
  inEffect: z.boolean().meta({ description: 'At every instance; false when there is none.' }),
  services: z.array(
    z.object({
      service: z.string(),
      inEffect: z.boolean(),
      instances: z.array(instanceEffectOutput).optional().meta({ description: 'Told to services only.' }),
    }),
  ),
});
export const positionEffectOutput = z.object({ data: effectOutput });
export type PositionEffectOutput = z.output<typeof positionEffectOutput>;

/** Only when it was asked for: `Prefer: wait=2`. */
const effect = effectOutput.optional();

export const revokedOutput = z.object({
  data: z.object({ revoked: z.literal(true), currentSessionRevoked: z.boolean() }),
  effect,
});
export type RevokedOutput = z.output<typeof revokedOutput>;

export const revokedAllOutput = z.object({
  data: z.object({ revoked: z.int(), currentSessionRevoked: z.boolean() }),
  effect,
});
export type RevokedAllOutput = z.output<typeof revokedAllOutput>;

const credentialOutput = z.object({
  token,
  accountId: z.string(),
  issuedAt: instant,
  expiresAt: instant,
  accessToken: z.string().meta({ description: 'The session credential, a JWT. It is never stored.' }),
  tokenType: z.literal('Bearer'),
});

export const extendedOutput = z.object({ data: credentialOutput });
export type ExtendedOutput = z.output<typeof extendedOutput>;

export const issuedOutput = z.object({
  data: credentialOutput.extend({
    ended: z.array(token).meta({ description: 'Sessions that gave way, because the account had too many.' }),
  }),
});
export type IssuedOutput = z.output<typeof issuedOutput>;

export const activityOutput = z.object({ data: z.object({ accepted: z.literal(true) }) });
export type ActivityOutput = z.output<typeof activityOutput>;

export const introspectionOutput = z.object({
  active: z.boolean(),
  sub: z.string().optional(),
  sid: token.optional(),
  iat: z.int().optional(),
  exp: z.int().optional(),
  iss: z.string().optional(),
  token_type: z.literal('Bearer').optional(),
});

const apiKeyOutput = z.object({
  id: z.string().meta({ example: 'key_5Vb0cTn8eKq2LxWm9sHd1Z' }),
  kind: z.enum(['account', 'service']),
  name: z.string(),
  scopes: z.array(z.string()),
  accountId: z.string().optional(),
  expiresAt: instant.optional(),
});

export const createdKeyOutput = z.object({
  data: apiKeyOutput.extend({ key: z.string().nullable().meta({ description: 'Shown once.' }) }),
});
export type CreatedKeyOutput = z.output<typeof createdKeyOutput>;

export const revokedKeyOutput = z.object({ data: z.object({ revoked: z.literal(true) }) });
export type RevokedKeyOutput = z.output<typeof revokedKeyOutput>;

export const apiKeysOutput = z.object({
  data: z.array(apiKeyOutput.extend({ createdAt: instant })),
  pagination: paginationOutput,
});
export type ApiKeysOutput = z.output<typeof apiKeysOutput>;

export const erasedOutput = z.object({
  data: z.object({
    months: z
      .array(z.string().meta({ example: '2026-11-01' }))
      .readonly()
      .meta({ description: 'What was recorded in these was erased. None: there was nothing (any more).' }),
    position: z.int().meta({ description: 'Of the log: whoever has applied it has erased it as well.' }),
    complete: z.boolean().meta({
      description: 'Whether the read models have, too. If not, they will as soon as the projector runs.',
    }),
  }),
});
export type ErasedOutput = z.output<typeof erasedOutput>;

export const problemOutput = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.string().meta({ description: 'Stable: the one to program against.', example: 'SESSION_NOT_FOUND' }),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
export type ProblemOutput = z.output<typeof problemOutput>;

export const pagination = (page: number, perPage: number, total: number) => ({
  page,
  perPage,
  total,
  totalPages: Math.ceil(total / perPage),
});
