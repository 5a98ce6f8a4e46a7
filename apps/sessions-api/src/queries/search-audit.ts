import { decodeEvent } from '#event-log/event-types.js';
import type { RecordedEvent } from '#event-log/event.js';
import { readAt, readForward } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { auditColumns } from '#read-model/audit-entries.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { auditEntries, type AuditEntry } from './audit-entry.js';
import { auditPositions, type AuditFilter, type AuditPositions } from './audit-positions.js';

/** So few events behind the projection are searched themselves. */
const TAIL = 1_000;

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[];
  /** Where the next page begins; null when there is none. */
  readonly next: number | null;
  /** All up to here was considered. */
  readonly asOf: { readonly position: number; readonly time: string | null };
}

/** What was recorded, as far as it is asked for, newest first. */
export class SearchAudit extends Query<AuditPage> {
  constructor(
    readonly filter: AuditFilter,
    /** Exclusive. */
    readonly before: number | undefined,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(SearchAudit)
export class SearchAuditHandler implements IQueryHandler<SearchAudit> {
  constructor(
    private readonly pool: Pool,
    private readonly vault: Vault,
  ) {}

  async execute({ filter, before = Infinity, limit }: SearchAudit): Promise<AuditPage> {
    const found = await auditPositions(this.pool, filter, before, limit + 1);
    const tail = await this.tail(found, before);
    const fresh = (await this.entries(tail)).filter((one) => one.position < before && matches(one, filter));
    const indexed = await readAt(this.pool, found.positions.slice(0, Math.max(0, limit + 1 - fresh.length)));
    const all = [...fresh, ...(await this.entries(indexed))].sort((a, b) => b.position - a.position);
    const entries = all.slice(0, limit);
    const last = tail.at(-1);
    return {
      entries,
      next: all.length > limit ? entries.at(-1)!.position : null,
      asOf: last ? { position: last.position, time: new Date(last.recordedAt).toISOString() } : found.asOf,
    };
  }

  /** What is recorded and not yet projected, so that an auditor sees it at once; nothing when it is much. */
  private async tail({ asOf, head }: AuditPositions, before: number): Promise<RecordedEvent[]> {
    const isFar = head - asOf.position > TAIL;
    if (isFar || head === asOf.position || before <= asOf.position + 1) return [];
    return readForward(this.pool, asOf.position, TAIL);
  }

  private async entries(events: readonly RecordedEvent[]): Promise<AuditEntry[]> {
    const decoded = events.map((event) => ({ ...event, ...decodeEvent(event) }));
    const [entries, columns] = [
      await auditEntries(events, this.vault),
      await auditColumns(this.pool, decoded),
    ];
    return entries.map((entry, i) => ({ ...entry, accountId: columns[i]!.accountId }));
  }
}

const matches = (entry: AuditEntry, { accountId, session, type, actor, reason, ...rest }: AuditFilter) =>
  (accountId === undefined || entry.accountId === accountId) &&
  (session === undefined || entry.token === session) &&
  (type === undefined || entry.type === type) &&
  (actor === undefined || entry.actor?.id === actor) &&
  (reason === undefined || entry.reason === reason) &&
  (rest.ipAddress === undefined || entry.ipAddress === rest.ipAddress) &&
  (rest.from === undefined || entry.recordedAt >= rest.from) &&
  (rest.to === undefined || entry.recordedAt < rest.to);
