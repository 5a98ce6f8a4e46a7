import { DomainError, type DomainErrorCode } from '#domain/domain-error.js';
import { LogError, type LogErrorCode } from '#event-log/log-error.js';
import { AccessError, type AccessErrorCode } from '../access/access-error.js';
import { CheckpointRefusal, type CheckpointRefusalCode } from '../checkpoints/checkpoint-refusal.js';
import { IdempotencyKeyReused } from '../commands/idempotency-key-reused.js';
import { InvalidInput } from './invalid-input.js';
import type { ProblemOutput } from './output.js';
import { REQUEST_STATUS } from './problem.js';
import { RequestError } from './request-error.js';

const RETRY_AFTER_SECONDS = 1;

const DOMAIN = {
  SESSION_NOT_FOUND: 404,
  SESSION_LIFETIME_INVALID: 400,
  ACTING_SESSION_ENDED: 401,
  API_KEY_NOT_FOUND: 404,
  API_KEY_LIFETIME_INVALID: 400,
  SCOPE_NOT_GRANTED: 403,
} satisfies Record<DomainErrorCode, number>;

const ACCESS = {
  CREDENTIAL_MISSING: 401,
  CREDENTIAL_INVALID: 401,
  ACCOUNT_CREDENTIAL_REQUIRED: 403,
  SERVICE_KEY_REQUIRED: 403,
  SCOPE_MISSING: 403,
} satisfies Record<AccessErrorCode, number>;

const CHECKPOINT = {
  HEAD_DIFFERS_FROM_LOG: 409,
  LOG_BEHIND_CHECKPOINT: 409,
  LOG_DIFFERS_FROM_CHECKPOINT: 409,
} satisfies Record<CheckpointRefusalCode, number>;

const LOG = {
  LOG_UNAVAILABLE: 503,
  LOG_BUSY: 503,
  LOG_CLOCK_BEHIND: 503,
  LOG_OUTCOME_UNKNOWN: 503,
  CONTENTION: 503,
} satisfies Record<LogErrorCode, number>;

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: ProblemOutput['errors'];
  readonly headers?: Readonly<Record<string, string>>;
}

/** What has gone wrong, whichever way it was asked for. Undefined: the way has to know. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof DomainError) return fromDomain(error);
  if (error instanceof AccessError) return fromAccess(error);
  if (error instanceof RequestError) return fromRequest(error);
  if (error instanceof InvalidInput) {
    return { status: 400, code: 'INPUT_INVALID', detail: error.message, errors: [...error.errors] };
  }
  if (error instanceof IdempotencyKeyReused) {
    return { status: 422, code: error.code, detail: error.message };
  }
  if (error instanceof CheckpointRefusal) {
    return { status: CHECKPOINT[error.code], code: error.code, detail: error.message };
  }
  if (error instanceof LogError) {
    return unavailable(error.code, error.message, LOG[error.code]);
  }
  if (isDatabaseAway(error)) return unavailable('LOG_UNAVAILABLE', 'PostgreSQL cannot be reached', 503);
  return undefined;
}

export const internalError: Problem = {
  status: 500,
  code: 'INTERNAL_ERROR',
  detail: 'something broke here; the request may be sent again',
};

function fromDomain({ code, message, field }: DomainError): Problem {
  const status = DOMAIN[code];
  return {
    status,
    code,
    detail: message,
    ...(status === 400 && field && { errors: [{ field, message }] }),
    ...(status === 401 && { headers: challenge('invalid_token', message) }),
  };
}

function fromAccess({ code, message, scope }: AccessError): Problem {
  const headers =
    code === 'CREDENTIAL_MISSING'
      ? challenge()
      : code === 'SCOPE_MISSING'
        ? challenge('insufficient_scope', message, scope)
        : code === 'CREDENTIAL_INVALID'
          ? challenge('invalid_token', message)
          : undefined;
  return { status: ACCESS[code], code, detail: message, headers };
}

export function fromRequest({ code, message, headers }: RequestError): Problem {
  return { status: REQUEST_STATUS[code], code, detail: message, headers };
}

const unavailable = (code: string, detail: string, status: number): Problem => ({
  status,
  code,
  detail,
  headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
});

/** RFC 6750, section 3. */
function challenge(error?: string, description?: string, scope?: string): Record<string, string> {
  const parameters = Object.entries({ realm: 'signoff', error, error_description: description, scope });
  const text = parameters
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}="${value}"`))
    .join(', ');
  return { 'www-authenticate': `Bearer ${text}` };
}

/** Connection refused, reset or timed out, or SQLSTATE classes 08 (connection), 53 (resources) and 57 (shutdown). */
function isDatabaseAway(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|08|53|57)/.test(code ?? '') ||
    /^Connection terminated|^timeout exceeded when trying to connect|^Query read timeout|not queryable/.test(
      message ?? '',
    )
  );
}
