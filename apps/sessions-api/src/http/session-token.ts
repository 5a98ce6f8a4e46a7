import { RequestError } from './request-error.js';

/** An empty segment is a slip of whoever built the URL, and must never be taken for "all". */
export function requireToken(token: string): string {
  if (token.trim() === '') {
    throw new RequestError('SESSION_TOKEN_MISSING', 'the path ends where the session token should stand');
  }
  return token;
}
