import { STATUS_CODES } from 'node:http';
import type { ProblemOutput } from './output.js';
import type { RequestErrorCode } from './request-error.js';

export const REQUEST_STATUS = {
  SESSION_TOKEN_MISSING: 400,
  BODY_MALFORMED: 400,
  BODY_TOO_LARGE: 413,
  URL_MALFORMED: 400,
  URL_TOO_LONG: 414,
  HEADERS_TOO_LARGE: 431,
  REQUEST_MALFORMED: 400,
  REQUEST_TIMEOUT: 408,
  EXPECTATION_UNSUPPORTED: 417,
  MEDIA_TYPE_UNSUPPORTED: 415,
  POSITION_NOT_FOUND: 404,
  CHECKPOINT_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  RATE_LIMITED: 429,
} satisfies Record<RequestErrorCode, number>;

export const PROBLEM_TYPE = 'application/problem+json';

/** RFC 9457. */
export const problemText = (problem: Omit<ProblemOutput, 'type' | 'title'>): string =>
  JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    ...problem,
  } satisfies ProblemOutput);
