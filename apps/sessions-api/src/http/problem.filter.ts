import { DomainError, type DomainErrorCode } from '#domain/domain-error.js';
import { LogError, type LogErrorCode } from '#event-log/log-error.js';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessError, type AccessErrorCode } from '../access/access-error.js';
import type { KnownRequest } from '../access/access.guard.js';
import { credentialId } from '../access/principal.js';
import { IdempotencyKeyReused } from '../commands/idempotency-key-reused.js';
import { InvalidInput } from './invalid-input.js';
import { routeOf } from './observe.js';
import type { ProblemOutput } from './output.js';
import { PROBLEM_TYPE, problemText, REQUEST_STATUS } from './problem.js';
import { Refusals } from './refusals.js';
import { RequestError, type RequestErrorCode } from './request-error.js';
import { Routes } from './routes.js';

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

const LOG = {
  LOG_UNAVAILABLE: 503,
  LOG_BUSY: 503,
  LOG_CLOCK_BEHIND: 503,
  LOG_OUTCOME_UNKNOWN: 503,
  CONTENTION: 503,
} satisfies Record<LogErrorCode, number>;

/** What Fastify says no to before any code of ours runs; Nest may hand it on as the cause of its own exception. */
const FASTIFY: Record<string, readonly [RequestErrorCode, string]> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['BODY_MALFORMED', 'the body is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BODY_MALFORMED', 'the body has another length than was announced'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['BODY_MALFORMED', 'the body is empty'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', 'the body is too large'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['MEDIA_TYPE_UNSUPPORTED', 'bodies of this type are not taken'],
  FST_ERR_BAD_URL: ['URL_MALFORMED', 'the path is not well percent-encoded'],
  FST_ERR_MAX_PARAM_LENGTH: ['URL_TOO_LONG', 'a part of the path is too long'],
};

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: ProblemOutput['errors'];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Every error leaves as `application/problem+json` (RFC 9457). */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly routes: Routes,
    private readonly refusals: Refusals,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { headers = {}, ...problem } = this.problemOf(error, request);
    const { status, code } = problem;
    this.refusals.tell(
      {
        status,
        code,
        requestId: request.id,
        method: request.method,
        route: routeOf(request),
        credential: credentialOf(error, request),
      },
      error,
    );
    void reply.code(problem.status).headers(headers).type(PROBLEM_TYPE).send(problemText(problem));
  }

  private problemOf(error: unknown, request: FastifyRequest): Problem {
    if (error instanceof DomainError) return fromDomain(error);
    if (error instanceof AccessError) return fromAccess(error);
    if (error instanceof RequestError) return fromRequest(error);
    if (error instanceof InvalidInput) {
      return { status: 400, code: 'INPUT_INVALID', detail: error.message, errors: [...error.errors] };
    }
    if (error instanceof IdempotencyKeyReused) {
      return { status: 422, code: error.code, detail: error.message };
    }
    if (error instanceof LogError) {
      return unavailable(error.code, error.message, LOG[error.code]);
    }
    if (error === request.raw.errored) {
      return fromRequest(new RequestError('BODY_MALFORMED', 'the body ended before it was complete'));
    }
    const refusedByFastify = error instanceof HttpException ? error.cause : error;
    const known = FASTIFY[(refusedByFastify as { code?: string } | undefined)?.code ?? ''];
    if (known) return fromRequest(new RequestError(...known));
    if (error instanceof HttpException) return fromRequest(this.routes.refuse(request));
    if (isDatabaseAway(error)) return unavailable('LOG_UNAVAILABLE', 'PostgreSQL cannot be reached', 503);
    return {
      status: 500,
      code: 'INTERNAL_ERROR',
      detail: 'something broke here; the request may be sent again',
    };
  }
}

/** A credential that was refused is named by the error, one that was accepted by the request. */
function credentialOf(error: unknown, request: FastifyRequest): string | undefined {
  if (error instanceof AccessError && error.credential !== undefined) return error.credential;
  const { principal } = request as Partial<KnownRequest>;
  return principal && credentialId(principal);
}

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

function fromRequest({ code, message, headers }: RequestError): Problem {
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
