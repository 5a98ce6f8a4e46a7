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
  const headers: Record<string, string> =
    idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  return dataOf(await service.post('/api/sessions', { accountId, ...more }, headers), 201) as Issued;
}

export async function createKey(service: Caller, key: object): Promise<{ id: string; key: string }> {
  return dataOf(await service.post('/api/keys', key), 201) as { id: string; key: string };
}

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
