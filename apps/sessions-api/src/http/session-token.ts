import { RequestError } from './request-error.js';

export const tokenMissing = () =>
  new RequestError('SESSION_TOKEN_MISSING', 'the path ends where the session token should stand');

/** White space is a slip of whoever built the URL, and must never be taken for "all". */
export function requireToken(token: string): string {
  if (token.trim() === '') throw tokenMissing();
  return token;
}
