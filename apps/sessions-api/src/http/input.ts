import { isIP } from 'node:net';
import { isAccountId } from '#domain/account-id.js';
import {
  MAX_LIFETIME_SECONDS,
  MIN_LIFETIME_SECONDS,
  type Lifetime,
} from '#domain/account-sessions/lifetime.js';
import { REVOCATION_REASONS } from '#domain/account-sessions/events.js';
import { isSessionId } from '#domain/identifier.js';
import { EVENT_TYPES, type EventTypeName } from '#event-log/event-types.js';
import { ACCOUNT_SCOPES, SERVICE_SCOPES } from '#domain/api-key/scopes.js';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const MAX_PAGE = 2 ** 31 - 1;
const MAX_REVOCATIONS = 5_000;
const MAX_CHECKPOINTS = 1_000;

const text = (maxCodePoints: number) =>
  z
    .string()
    .refine((value) => [...value].length <= maxCodePoints, `must have at most ${maxCodePoints} code points`)
    .refine((value) => !/[\p{Cs}\0]/u.test(value), 'must be well-formed Unicode without U+0000');

const digits = (max: number) =>
  z
    .string(`must be given once, as a number from 1 to ${max}`)
    .regex(/^[0-9]+$/, 'must be decimal digits')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must lie between 1 and ${max}`);

/** Instants compare as text and PostgreSQL reads them, so the year has four digits and is not 0, in UTC too. */
const instant = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 time with a time zone' })
  .transform((value) => new Date(value).toISOString())
  .refine((value) => /^(?!0000)\d{4}-/.test(value), 'must lie in the years 1 to 9999');

const accountId = z
  .string()
  .refine(isAccountId, 'must be 1 to 128 code points without control characters, and not "." or ".."');

const ipAddress = z
  .string()
  .refine((value) => isIP(value) !== 0 && !value.includes('%'), 'must be an IPv4 or IPv6 address')
  .transform((value) => ipaddr.process(value).toString());

export const pageInput = z.object({
  page: digits(MAX_PAGE).optional().default(1),
  limit: digits(100).optional().default(50),
});
export type PageInput = z.output<typeof pageInput>;

export const ownSessionsInput = pageInput.extend({
  status: z.enum(['active', 'ended', 'all'], 'must be active, ended or all, once').default('active'),
});
export type OwnSessionsInput = z.output<typeof ownSessionsInput>;

export const sessionsInput = ownSessionsInput.extend({
  at: instant.refine((at) => Date.parse(at) <= Date.now(), 'must not lie in the future').optional(),
});
export type SessionsInput = z.output<typeof sessionsInput>;

export const includeCurrentInput = z.object({
  includeCurrent: z
    .enum(['true', 'false'], 'must be true or false, once')
    .default('false')
    .transform((value) => value === 'true'),
});
export type IncludeCurrentInput = z.output<typeof includeCurrentInput>;

const count = z
  .string('must be given once')
  .regex(/^[0-9]+$/, 'must be decimal digits')
  .transform(Number)
  .refine(Number.isSafeInteger, 'must be at most 2^53 - 1');

export const beforeInput = z.object({
  before: count.optional(),
  limit: digits(100).optional().default(50),
});
export type BeforeInput = z.output<typeof beforeInput>;

const auditFilter = z.object({
  accountId: accountId.optional(),
  session: z.string('must be given once').refine(isSessionId, 'must be a session token').optional(),
  type: z.enum(Object.keys(EVENT_TYPES) as EventTypeName[]).optional(),
  actor: text(128).min(1).optional(),
  reason: z.enum(REVOCATION_REASONS).optional(),
  ipAddress: ipAddress.optional(),
  from: instant.optional(),
  to: instant.optional(),
});

export const auditInput = beforeInput.extend(auditFilter.shape);
export type AuditInput = z.output<typeof auditInput>;

export const positionInput = z.object({ position: count });
export type PositionInput = z.output<typeof positionInput>;

export const afterInput = z.object({
  after: count.optional(),
  limit: digits(MAX_REVOCATIONS).optional().default(1_000),
});
export type AfterInput = z.output<typeof afterInput>;

export const checkpointsInput = z.object({
  after: count.optional().default(0),
  limit: digits(MAX_CHECKPOINTS).optional().default(100),
});
export type CheckpointsInput = z.output<typeof checkpointsInput>;

export const exportInput = auditFilter.extend({
  format: z.enum(['ndjson', 'csv'], 'must be ndjson or csv, once').default('ndjson'),
  after: count.optional().default(0),
});
export type ExportInput = z.output<typeof exportInput>;

const serviceName = z.string().regex(/^[A-Za-z0-9_-]{1,48}$/, 'must be 1 to 48 letters, digits, "_" and "-"');

export const servicesInput = z.object({
  service: z
    .union([serviceName.transform((name) => [name]), z.array(serviceName).max(100)])
    .optional()
    .default([]),
});
export type ServicesInput = z.output<typeof servicesInput>;

export const accountInput = z.object({ accountId });
export type AccountInput = z.output<typeof accountInput>;

export const noteText = text(500);

export const noteInput = z.strictObject({ note: noteText.optional() }).optional().default({});
export type NoteInput = z.output<typeof noteInput>;

const lifetime = {
  expiresInSeconds: z.int().min(MIN_LIFETIME_SECONDS).max(MAX_LIFETIME_SECONDS).optional(),
  expiresAt: instant.optional(),
};

interface GivenLifetime {
  readonly expiresInSeconds?: number | undefined;
  readonly expiresAt?: string | undefined;
}

const notBoth = (input: GivenLifetime) =>
  input.expiresInSeconds === undefined || input.expiresAt === undefined;

const toLifetime = ({ expiresInSeconds, expiresAt }: GivenLifetime): Lifetime | undefined =>
  expiresAt !== undefined ? { expiresAt } : expiresInSeconds !== undefined ? { expiresInSeconds } : undefined;

export const issueInput = z
  .strictObject({
    accountId,
    ...lifetime,
    ipAddress: ipAddress.optional(),
    userAgent: text(2_048).optional(),
    fingerprint: text(256).optional(),
  })
  .refine(notBoth, { path: ['expiresAt'], error: 'must not be given together with expiresInSeconds' })
  .transform((input) => ({ ...input, lifetime: toLifetime(input) }));
export type IssueInput = z.output<typeof issueInput>;

export const extendInput = z
  .strictObject(lifetime)
  .refine(notBoth, { path: ['expiresAt'], error: 'must not be given together with expiresInSeconds' })
  .refine((input) => toLifetime(input) !== undefined, {
    path: ['expiresInSeconds'],
    error: 'this or expiresAt is required',
  })
  .transform((input) => ({ lifetime: toLifetime(input)! }));
export type ExtendInput = z.output<typeof extendInput>;

export const introspectInput = z.object({ token: z.string('is required, once').min(1, 'is required, once') });
export type IntrospectInput = z.output<typeof introspectInput>;

const keyName = text(128).min(1);

export const createKeyInput = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('account'),
    accountId,
    name: keyName,
    scopes: z
      .array(z.enum(ACCOUNT_SCOPES))
      .min(1)
      .default([...ACCOUNT_SCOPES]),
    expiresAt: instant.optional(),
  }),
  z.strictObject({
    kind: z.literal('service'),
    name: keyName,
    scopes: z.array(z.enum(SERVICE_SCOPES)).min(1),
    expiresAt: instant.optional(),
  }),
]);
export type CreateKeyInput = z.output<typeof createKeyInput>;
