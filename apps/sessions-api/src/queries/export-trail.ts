import type { RecordedEvent } from '#event-log/event.js';
import {
  checkpointLine,
  endLine,
  eventLine,
  type ExportedEvent,
  headerLine,
} from '#event-log/export-format.js';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { hashesAt, readAt, readForward, readHead } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { Injectable } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import { Pool } from 'pg';
import { checkpointsBetween } from '../checkpoints/checkpoint-table.js';
import { type AuditFilter, auditPositions, auditPositionsBehind } from './audit-positions.js';
import { auditEntries, type AuditEntry } from './audit-entry.js';

const BATCH = 500;

type Entry = ExportedEvent & { readonly entry: AuditEntry };

/**
 * The trail behind a position up to where the log is now, piece by piece: whoever reads slowly holds it up, and nothing is
 * kept. When it breaks off, the last line is missing, and it goes on behind the last position that was read.
 */
@Injectable()
export class ExportTrail {
  constructor(
    private readonly pool: Pool,
    private readonly vault: Vault,
  ) {}

  /** With everything that a verifier needs: see `EXPORT_FORMAT`. */
  async *asNdjson(after: number, filter: AuditFilter): AsyncGenerator<string> {
    const { logId, epoch } = await readHead(this.pool);
    const last = await this.last(filter);
    yield headerLine({ logId, epoch, after, filter: isAll(filter) ? null : { ...filter } });
    let position = after;
    let count = 0;
    for await (const entries of this.entries(after, last, filter)) {
      const from = position;
      position = entries.at(-1)!.event.position;
      const notes = new Map<number, string>();
      for (const one of await checkpointsBetween(this.pool, from, position)) {
        notes.set(one.position, (notes.get(one.position) ?? '') + checkpointLine(one.note));
      }
      yield entries.map((entry) => eventLine(entry) + (notes.get(entry.event.position) ?? '')).join('');
      count += entries.length;
    }
    yield endLine({ events: count, position: Math.max(last, after) });
  }

  /** For people and their spreadsheets. A text that one of those would take for a formula gets a `'` in front. */
  async *asCsv(after: number, filter: AuditFilter): AsyncGenerator<string> {
    const last = await this.last(filter);
    yield stringify([COLUMNS], CSV);
    for await (const entries of this.entries(after, last, filter)) {
      yield stringify(
        entries.map(({ entry }) => toRow(entry)),
        CSV,
      );
    }
  }

  /** Up to where there is something to look at: with a filter, as far as the projection of the trail has come. */
  private async last(filter: AuditFilter): Promise<number> {
    if (isAll(filter)) return (await readHead(this.pool)).position;
    return (await auditPositions(this.pool, filter, Infinity, 0)).asOf.position;
  }

  private async *entries(after: number, last: number, filter: AuditFilter): AsyncGenerator<Entry[]> {
    for (let position = after; position < last;) {
      const events = await this.next(position, last, filter);
      if (events.length === 0) return;
      const hashes = await hashesAt(
        this.pool,
        events.map((event) => event.position - 1),
      );
      const entries = await auditEntries(this.pool, this.vault, events);
      yield events.map((event, i) => ({
        event,
        previousHash: hashes.get(event.position - 1) ?? GENESIS_HASH,
        entry: entries[i]!,
      }));
      ({ position } = events.at(-1)!);
    }
  }

  private async next(after: number, last: number, filter: AuditFilter): Promise<RecordedEvent[]> {
    if (isAll(filter)) return readForward(this.pool, after, Math.min(BATCH, last - after));
    const positions = await auditPositionsBehind(this.pool, filter, after, last, BATCH);
    return (await readAt(this.pool, positions)).sort((one, other) => one.position - other.position);
  }
}

const isAll = (filter: AuditFilter) => Object.values(filter).every((value) => value === undefined);

const CSV = { escape_formulas: true, record_delimiter: 'windows' } as const;

const COLUMNS = [
  'position',
  'recordedAt',
  'type',
  'accountId',
  'token',
  'keyId',
  'actorType',
  'actorId',
  'credential',
  'ipAddress',
  'userAgent',
  'reason',
  'note',
  'commandId',
  'requestId',
  'hash',
];

const toRow = ({ actor, ...entry }: AuditEntry) => {
  const fields: Record<string, unknown> = { ...entry, actorType: actor?.type, actorId: actor?.id };
  return COLUMNS.map((column) => fields[column]);
};
