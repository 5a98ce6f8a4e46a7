import { type Instant, instantAt } from '#domain/instant.js';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { merged } from './merged.js';
import { moment } from './moment.js';
import { POSTGRES_TIME, timeAtMost, type ToldTime } from './postgres-time.js';
import { STREAM_ROW } from './stream-row.js';

/** Each about 200 bytes. */
const KEPT_PLACES = 50_000;
/** What happened since the look before is read up to so many events; behind more, streams are asked for by name again. */
const MAX_EVENTS_SINCE = 1_000;

export interface StreamPlace {
  /** Of the stream's newest event; 0 where there is none. */
  readonly version: number;
  /** The stream's row (`STREAM_ROW`) at that version; null at 0. */
  readonly row: string | null;
}

/** When a look was taken. */
export interface LookMoment {
  /** PostgreSQL's time of the look. */
  readonly now: Instant;
  /** Whether what is kept is at least as new. */
  readonly isKept: boolean;
}

export interface StreamLook extends StreamPlace {
  readonly moment: LookMoment;
}

/** Up to where the log was read by a look. */
interface LogPlace {
  readonly position: number;
  readonly hash: Buffer;
}

interface Row extends LogPlace {
  readonly now: number;
  /** Whether the log is still the one that was read up to there, and little has happened since. */
  readonly follows: boolean | null;
  readonly streams: Record<string, StreamPlace> | null;
}

const NOWHERE: StreamPlace = { version: 0, row: null };

/** Streams that were asked for by name, and those that something has happened to behind `$1`; each by its key, whatever the planner expects. */
const LOOK = `
  SELECT head.position, head.hash, ${POSTGRES_TIME} AS now,
    head.position - $1::bigint <= ${MAX_EVENTS_SINCE}
      AND (SELECT hash = $2 FROM event_log.event WHERE position = $1) AS follows,
    (SELECT json_object_agg(stream_id, place) FROM (
        SELECT unnest((SELECT $3::text[])) AS stream_id UNION SELECT stream_id FROM (
          SELECT stream_id FROM event_log.event WHERE position > (SELECT $1) ORDER BY position LIMIT ${MAX_EVENTS_SINCE}
        ) AS since
      ) AS wanted CROSS JOIN LATERAL (
        SELECT json_build_object('version', version, 'row', ${STREAM_ROW}) AS place
        FROM event_log.stream WHERE stream.stream_id = wanted.stream_id OFFSET 0
      ) AS found) AS streams
  FROM event_log.head`;

/**
 * Looks where streams are, after it was asked. Whoever looks through the same one shares statements.
 *
 *     where streams are at 41 ── what has happened behind 41? ──► the streams of 42 and 43 ──► where streams are at 43
 *
 * Each look asks PostgreSQL, but not for each stream: the log is in order and without a gap, so that a stream that nothing
 * has happened to behind a position is where it was there. Only what is not kept is asked for by its name. The hash of an
 * event names all of the log up to it: where there is another one at that position, or none, the log was put back to an
 * older copy, and nothing that was kept counts.
 */
export class StreamLooks {
  /** As of `upTo`. */
  private readonly places = new LRUCache<string, StreamPlace>({ max: KEPT_PLACES });
  private upTo: LogPlace | undefined;
  private latest: ToldTime | undefined;
  readonly look = merged((streamIds: readonly string[]) => this.lookAt(streamIds));

  constructor(private readonly pool: Pool) {}

  /** Where a stream was at an earlier look or later, if that is known without another one. */
  knownSince({ isKept }: LookMoment, streamId: string): StreamPlace | undefined {
    return isKept ? this.places.get(streamId) : undefined;
  }

  /** The latest look, if that is less than a tenth of a second ago. Its `now` is what PostgreSQL's time is at the most at present. */
  recent(): LookMoment | undefined {
    const now = this.latest && timeAtMost(this.latest);
    return now === undefined ? undefined : { now: instantAt(now), isKept: true };
  }

  /** Has a stream asked for by its name the next time: a snapshot changes its row without an event. */
  forget(streamId: string): void {
    this.places.delete(streamId);
  }

  private async lookAt(streamIds: readonly string[]): Promise<StreamLook[]> {
    const { upTo, places } = this;
    const kept = streamIds.map((streamId) => places.get(streamId));
    const asked = new Set(streamIds.filter((_, i) => !kept[i]));
    const askedAt = moment();
    const { rows } = await this.pool.query<Row>({
      name: 'log-look',
      text: LOOK,
      values: [upTo?.position, upTo?.hash, [...asked]],
    });
    const { position, hash, now, follows, streams } = rows[0]!;
    const found = new Map(Object.entries(streams ?? {}));
    for (const streamId of asked) if (!found.has(streamId)) found.set(streamId, NOWHERE);

    // Of two statements that were under way together, the one that is answered later finds that it is not the next.
    const isNext = this.upTo === upTo;
    if (isNext) {
      this.upTo = { position, hash };
      this.latest = { askedAt, now };
      if (!follows) places.clear();
      for (const [streamId, place] of found) {
        if (asked.has(streamId) || places.has(streamId)) places.set(streamId, place);
      }
    }
    if (!follows && asked.size < streamIds.length) return this.lookAt(streamIds);
    const lookedAt = { now: instantAt(now), isKept: isNext };
    return streamIds.map((streamId, i) => {
      const { version, row } = found.get(streamId) ?? kept[i]!;
      return { version, row, moment: lookedAt };
    });
  }
}
