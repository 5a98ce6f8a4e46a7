import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessError } from '../access/access-error.js';
import type { KnownRequest } from '../access/access.guard.js';
import { credentialId } from '../access/principal.js';
import { routeOf } from './observe.js';
import { fromRequest, internalError, problemOf, type Problem } from './problem-of.js';
import { PROBLEM_TYPE, problemText } from './problem.js';
import { Refusals } from './refusals.js';
import { RequestError, type RequestErrorCode } from './request-error.js';
import { Routes } from './routes.js';

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
    if (error === request.raw.errored) {
      return fromRequest(new RequestError('BODY_MALFORMED', 'the body ended before it was complete'));
    }
    const problem = problemOf(error);
    if (problem) return problem;
    const refusedByFastify = error instanceof HttpException ? error.cause : error;
    const known = FASTIFY[(refusedByFastify as { code?: string } | undefined)?.code ?? ''];
    if (known) return fromRequest(new RequestError(...known));
    if (error instanceof HttpException) return fromRequest(this.routes.refuse(request));
    return internalError;
  }
}

/** A credential that was refused is named by the error, one that was accepted by the request. */
function credentialOf(error: unknown, request: FastifyRequest): string | undefined {
  if (error instanceof AccessError && error.credential !== undefined) return error.credential;
  const { principal } = request as Partial<KnownRequest>;
  return principal && credentialId(principal);
}
