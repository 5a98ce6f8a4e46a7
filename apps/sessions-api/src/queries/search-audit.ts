import type { RecordedEvent } from '#event-log/event.js';
import { readAt, readForward } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import type { AuditColumns } from '#read-model/audit-entries.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { auditEntries, type AuditEntry, columnsOf } from './audit-entry.js';
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
    const fresh = await this.among(tail, filter, before);
    const indexed = await readAt(this.pool, found.positions.slice(0, Math.max(0, limit + 1 - fresh.length)));
    const all = [...fresh, ...(await auditEntries(this.pool, this.vault, indexed))].sort(
      (a, b) => b.position - a.position,
    );
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

  /** Opens only what else is asked for: of an address it then shows. */
  private async among(
    events: readonly RecordedEvent[],
    filter: AuditFilter,
    before: number,
  ): Promise<AuditEntry[]> {
    const columns = await columnsOf(this.pool, events);
    const candidates = events.filter((_, i) => matches(columns[i]!, filter) && columns[i]!.position < before);
    const entries = await auditEntries(this.pool, this.vault, candidates);
    const { ipAddress } = filter;
    return entries.filter((one) => ipAddress === undefined || one.ipAddress === ipAddress);
  }
}

const matches = (
  one: AuditColumns,
  { accountId, session, type, actor, reason, from, to }: AuditFilter,
): boolean =>
  (accountId === undefined || one.accountId === accountId) &&
  (session === undefined || one.sessionId === session) &&
  (type === undefined || one.type === type) &&
  (actor === undefined || one.actorId === actor) &&
  (reason === undefined || one.reason === reason) &&
  (from === undefined || one.recordedAt.toISOString() >= from) &&
  (to === undefined || one.recordedAt.toISOString() < to);
