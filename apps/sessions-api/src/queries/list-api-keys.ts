import type { ApiKeyCreated } from '#domain/api-key/events.js';
import { decodeEvent } from '#event-log/event-types.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import type { PageRequest } from './session-view.js';

export interface ApiKeyPage {
  readonly keys: readonly ApiKeyCreated['data'][];
  readonly total: number;
}

/** The API keys that are good today, newest first. */
export class ListApiKeys extends Query<ApiKeyPage> {
  constructor(readonly page: PageRequest) {
    super();
  }
}

@QueryHandler(ListApiKeys)
export class ListApiKeysHandler implements IQueryHandler<ListApiKeys> {
  constructor(private readonly pool: Pool) {}

  /** From the log itself: keys are few and rarely listed, and a read model of them could be behind. */
  async execute({ page: { page, limit } }: ListApiKeys): Promise<ApiKeyPage> {
    const { rows } = await this.pool.query<{ total: number; rows: CreatedRow[] | null }>(
      `WITH good AS (
         SELECT created.position, created.type, created.schema, created.data
         FROM event_log.event AS created
         WHERE created.stream_id >= 'key-' AND created.stream_id < 'key.' AND created.type = 'ApiKeyCreated'
           AND NOT EXISTS (
             SELECT FROM event_log.event AS revoked
             WHERE revoked.stream_id = created.stream_id AND revoked.type = 'ApiKeyRevoked')
           AND coalesce((created.data::json ->> 'expiresAt')::timestamptz > now(), true)
       ), page AS (SELECT * FROM good ORDER BY position DESC LIMIT $1 OFFSET $2)
       SELECT (SELECT count(*) FROM good) AS total, (SELECT json_agg(page) FROM page) AS rows`,
      [limit, (page - 1) * limit],
    );
    const { total, rows: found } = rows[0]!;
    return {
      total,
      keys: (found ?? []).map((row) => decodeEvent(row).data as unknown as ApiKeyCreated['data']),
    };
  }
}

interface CreatedRow {
  readonly type: string;
  readonly schema: number;
  readonly data: string;
}
