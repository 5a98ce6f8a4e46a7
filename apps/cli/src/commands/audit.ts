import { Command } from 'commander';
import { Api, type ApiOptions, asksApi } from '../api.js';
import { wholeNumber } from '../numbers.js';
import { remark, say, sayJson, table } from '../output.js';
import { filters, queryOf, type TrailOptions } from '../trail-filter.js';

interface Entry {
  readonly position: number;
  readonly recordedAt: string;
  readonly type: string;
  readonly accountId?: string | null;
  readonly token?: string | null;
  readonly keyId?: string | null;
  readonly actor?: { readonly type: string; readonly id: string } | null;
  readonly reason?: string | null;
  readonly ipAddress?: string | null;
}

interface Page {
  readonly data: readonly Entry[];
  readonly next: number | null;
  readonly asOf: { readonly position: number };
}

interface AuditOptions extends ApiOptions, TrailOptions {
  readonly before?: number;
  readonly limit?: number;
}

export function auditCommand(): Command {
  const audit = new Command('audit')
    .description('what happened, newest first (scope audit:read); the question is recorded as well')
    .option('--before <position>', 'further back than this position of the log', wholeNumber)
    .option('--limit <number>', 'so many at most', wholeNumber);
  return asksApi(filters(audit)).action(show);
}

async function show(options: AuditOptions): Promise<void> {
  const { before, limit, json } = options;
  const page = await new Api(options).get<Page>('/api/audit', { ...queryOf(options), before, limit });
  if (json) return sayJson(page);
  say(
    table(
      ['position', 'recorded', 'type', 'account', 'session or key', 'by', 'reason', 'address'],
      page.data.map((one) => [
        one.position,
        one.recordedAt,
        one.type,
        one.accountId,
        one.token ?? one.keyId,
        one.actor && `${one.actor.type} ${one.actor.id}`,
        one.reason,
        one.ipAddress,
      ]),
    ),
  );
  if (page.next !== null) remark(`there is more: --before ${page.next}`);
}
