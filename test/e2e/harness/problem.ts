import { STATUS_CODES } from 'node:http';
import { expect } from '@jest/globals';
import type { Answer } from './call.js';

export interface Problem {
  readonly status: number;
  readonly code: string;
  /** The fields that are named as wrong, in order. */
  readonly fields?: readonly string[];
  readonly allow?: string;
  /** What `WWW-Authenticate` says beyond the realm. */
  readonly challenge?: string;
}

/** RFC 9457 and nothing more, with the headers that belong to its status and no others. */
export function expectProblem({ status, headers, body }: Answer, expected: Problem): void {
  expect(body).toEqual({
    type: 'about:blank',
    title: STATUS_CODES[expected.status],
    status: expected.status,
    code: expected.code,
    detail: expect.stringMatching(/\S/),
    ...(expected.fields && {
      errors: expected.fields.map((field) => ({ field, message: expect.stringMatching(/\S/) })),
    }),
  });
  expect(status).toBe(expected.status);
  expect(headers['content-type']).toMatch(/^application\/problem\+json(;|$)/);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers.allow).toBe(expected.allow);
  expect(headers['retry-after']).toBe(expected.status === 503 ? '1' : undefined);
  const challenge = `Bearer realm="signoff"${expected.challenge ?? ''}`;
  expect(headers['www-authenticate']).toBe(
    expected.status === 401 || expected.challenge !== undefined ? challenge : undefined,
  );
}
