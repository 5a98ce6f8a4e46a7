import { Command, Option } from 'commander';
import { Api, type ApiOptions, asksApi, inPath } from '../api.js';
import { collect } from '../numbers.js';
import { remark, say, sayJson, table } from '../output.js';
import { everyPage } from '../every-page.js';

interface ApiKey {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly accountId?: string;
  readonly expiresAt?: string;
  readonly createdAt?: string;
}

interface CreateOptions extends ApiOptions {
  readonly kind: string;
  readonly name: string;
  readonly account?: string;
  readonly scope?: readonly string[];
  readonly expiresAt?: string;
}

export function keysCommand(): Command {
  const keys = new Command('keys').description('API keys (scope keys:write)');
  asksApi(keys.command('list').description('the keys that are good today, newest first')).action(list);
  asksApi(
    keys
      .command('create')
      .description('make a key, which is shown once')
      .addOption(
        new Option('--kind <kind>', 'whose it is').choices(['account', 'service']).makeOptionMandatory(),
      )
      .requiredOption('--name <name>', 'what it is called in lists')
      .option('--account <id>', 'of an account key')
      .option('--scope <scope>', 'what it may do; may be given more than once', collect)
      .option('--expires-at <time>', 'until when it is good (ISO 8601)'),
  ).action(create);
  asksApi(keys.command('revoke <id>').description('end a key: it stops at once')).action(revoke);
  return keys;
}

async function list(options: ApiOptions): Promise<void> {
  const keys = await everyPage<ApiKey>(new Api(options), '/api/keys');
  if (options.json) return sayJson({ data: keys });
  say(
    table(
      ['id', 'kind', 'name', 'account', 'scopes', 'created', 'expires'],
      keys.map((key) => [
        key.id,
        key.kind,
        key.name,
        key.accountId,
        key.scopes.join(','),
        key.createdAt,
        key.expiresAt,
      ]),
    ),
  );
}

async function create(options: CreateOptions): Promise<void> {
  const { kind, name, account, scope, expiresAt } = options;
  const made = await new Api(options).post<{ data: ApiKey & { key: string } }>('/api/keys', {
    kind,
    name,
    accountId: account,
    scopes: scope,
    expiresAt,
  });
  if (options.json) return sayJson(made);
  remark(`${made.data.id} (${made.data.scopes.join(', ')}); the key is shown this once:`);
  say(made.data.key);
}

async function revoke(id: string, options: ApiOptions): Promise<void> {
  const answer = await new Api(options).delete(`/api/keys/${inPath(id)}`);
  if (options.json) return sayJson(answer);
  say(`${id} is revoked`);
}
