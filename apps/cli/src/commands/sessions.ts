import { Command } from 'commander';
import { Api, type ApiOptions, asksApi, inPath } from '../api.js';
import { everyPage } from '../every-page.js';
import { say, sayJson, table } from '../output.js';

interface Session {
  readonly token: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly lastSeenAt: string;
  readonly ipAddress: string | null;
  readonly browser: string | null;
  readonly os: string | null;
}

interface RevokeOptions extends ApiOptions {
  readonly note?: string;
}

export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('the sessions of an account');
  asksApi(
    sessions.command('list <accountId>').description('who is signed in, newest first (scope sessions:read)'),
  ).action(list);
  asksApi(
    sessions
      .command('revoke <accountId> <token>')
      .description('end one session (scope sessions:revoke)')
      .option('--note <text>', 'why; kept sealed, until it is erased'),
  ).action(revoke);
  asksApi(
    sessions
      .command('revoke-all <accountId>')
      .description('end every session (scope sessions:revoke)')
      .option('--note <text>', 'why; kept sealed, until it is erased'),
  ).action(revokeAll);
  return sessions;
}

const pathOf = (accountId: string) => `/api/accounts/${inPath(accountId)}/sessions`;
const noteOf = ({ note }: RevokeOptions) => (note === undefined ? undefined : { note });

async function list(accountId: string, options: ApiOptions): Promise<void> {
  const sessions = await everyPage<Session>(new Api(options), pathOf(accountId));
  if (options.json) return sayJson({ data: sessions });
  say(
    table(
      ['token', 'issued', 'last seen', 'expires', 'address', 'browser', 'os'],
      sessions.map((one) => [
        one.token,
        one.issuedAt,
        one.lastSeenAt,
        one.expiresAt,
        one.ipAddress,
        one.browser,
        one.os,
      ]),
    ),
  );
}

async function revoke(accountId: string, token: string, options: RevokeOptions): Promise<void> {
  const answer = await new Api(options).delete(`${pathOf(accountId)}/${inPath(token)}`, noteOf(options));
  if (options.json) return sayJson(answer);
  say(`${token} has ended`);
}

async function revokeAll(accountId: string, options: RevokeOptions): Promise<void> {
  const answer = await new Api(options).delete<{ data: { revoked: number } }>(
    pathOf(accountId),
    noteOf(options),
  );
  if (options.json) return sayJson(answer);
  say(`${answer.data.revoked} sessions have ended`);
}
