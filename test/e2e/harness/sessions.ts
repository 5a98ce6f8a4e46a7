import type { Answer, Caller } from './call.js';

export interface Issued {
  readonly token: string;
  readonly accountId: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly accessToken: string;
  readonly ended: readonly string[];
}

/** Signs somebody in, as the login service does. */
export async function issue(
  service: Caller,
  accountId: string,
  more: object = {},
  idempotencyKey?: string,
): Promise<Issued> {
  const body = { accountId, ...more };
  return dataOf(await service.post('/api/sessions', body, keyed(idempotencyKey)), 201) as Issued;
}

export async function createKey(
  service: Caller,
  key: object,
  idempotencyKey?: string,
): Promise<{ id: string; key: string }> {
  const answer = await service.post('/api/keys', key, keyed(idempotencyKey));
  return dataOf(answer, 201) as { id: string; key: string };
}

const keyed = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { 'idempotency-key': key };

export function dataOf(answer: Answer, status = 200): unknown {
  if (answer.status !== status)
    throw new Error(`answered ${answer.status} instead of ${status}: ${answer.text}`);
  return (answer.body as { data: unknown }).data;
}

/** The tokens of an account's list, as the asker sees it. */
export async function listedBy(caller: Caller, path = '/api/account/sessions?limit=100'): Promise<string[]> {
  const sessions = dataOf(await caller.get(path)) as { token: string }[];
  return sessions.map(({ token }) => token);
}

export const operatorPath = (accountId: string) => `/api/accounts/${encodeURIComponent(accountId)}/sessions`;
