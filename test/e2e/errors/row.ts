import type { Sent } from '../harness/call.js';
import type { Problem } from '../harness/problem.js';

export const OWN = '/api/account/sessions';
export const OPERATOR = '/api/accounts/ada/sessions';
export const ASTRAL = '\u{1d4b3}';

export type Who = 'service' | 'session' | 'nobody';
/** `TOKEN` in a path stands for the session that is alive. */
export type Row = readonly [
  what: string,
  who: Who,
  method: string,
  path: string,
  sent: Sent,
  problem: Problem,
];

export const invalid = (...fields: string[]): Problem => ({ status: 400, code: 'INPUT_INVALID', fields });
export const problem = (status: number, code: string, more: Partial<Problem> = {}): Problem => ({
  status,
  code,
  ...more,
});
export const lifetimeInvalid = (field: string) =>
  problem(400, 'SESSION_LIFETIME_INVALID', { fields: [field] });
export const MALFORMED = problem(400, 'BODY_MALFORMED');
