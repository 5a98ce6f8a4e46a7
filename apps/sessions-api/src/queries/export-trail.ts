import type { RecordedEvent } from '#event-log/event.js';
import {
  checkpointLine,
  endLine,
  eventLine,
  type ExportedEvent,
  headerLine,
} from '#event-log/export-format.js';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { hashAt, readForward, readHead } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { Injectable } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import { Pool } from 'pg';
import { checkpointsBetween } from '../checkpoints/checkpoint-table.js';
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
  async *asNdjson(after: number): AsyncGenerator<string> {
    const { logId, epoch, position: last } = await readHead(this.pool);
    yield headerLine({ logId, epoch, after, filter: null });
    let position = after;
    let count = 0;
    for await (const entries of this.entries(after, last)) {
      const from = position;
      position = entries.at(-1)!.event.position;
      const notes = await checkpointsBetween(this.pool, from, position);
      yield entries
        .map((entry) => {
          const here = notes.filter((one) => one.position === entry.event.position);
          return [eventLine(entry), ...here.map(({ note }) => checkpointLine(note))].join('');
        })
        .join('');
      count += entries.length;
    }
    yield endLine({ events: count, position: Math.max(position, after) });
  }

  /** For people and their spreadsheets. A text that one of those would take for a formula gets a `'` in front. */
  async *asCsv(after: number): AsyncGenerator<string> {
    const { position: last } = await readHead(this.pool);
    yield stringify([COLUMNS], CSV);
    for await (const entries of this.entries(after, last)) {
      yield stringify(
        entries.map(({ entry }) => toRow(entry)),
        CSV,
      );
    }
  }

  private async *entries(after: number, last: number): AsyncGenerator<Entry[]> {
    let previousHash = after === 0 ? GENESIS_HASH : await hashAt(this.pool, after);
    for (let position = after; position < last && previousHash;) {
      const events: RecordedEvent[] = await readForward(
        this.pool,
        position,
        Math.min(BATCH, last - position),
      );
      if (events.length === 0) throw new Error(`the log has no event behind ${position}`);
      const entries = await auditEntries(events, this.vault);
      yield events.map((event, i) => ({
        event,
        previousHash: events[i - 1]?.hash ?? previousHash!,
        entry: entries[i]!,
      }));
      ({ position, hash: previousHash } = events.at(-1)!);
    }
  }
}

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
