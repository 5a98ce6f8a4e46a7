/** An event as it was decided: `data` is JSON text exactly as it will be stored, hashed and sent. */
export interface NewEvent {
  readonly eventId: string;
  readonly type: string;
  readonly schema: number;
  readonly data: string;
  readonly sealed: Buffer | null;
  readonly metadata: string;
}

/** An event as it stands in the log. `recordedAt` is in milliseconds since 1970. */
export interface RecordedEvent extends NewEvent {
  readonly streamId: string;
  readonly position: number;
  readonly version: number;
  readonly recordedAt: number;
  /** Its number among all revocations, when it is one. */
  readonly revocation: number | null;
  readonly hash: Buffer;
}

/** What may travel of it. */
export type PlainEvent = Omit<RecordedEvent, 'sealed'>;

/** The columns of `event_log.event` under the names of `PlainEvent`. */
export const PLAIN_COLUMNS = `position, stream_id AS "streamId", version, event_id AS "eventId", type, schema, data,
  metadata, (date_part('epoch', recorded_at) * 1000)::bigint AS "recordedAt", revocation, hash`;

/** The same for `RecordedEvent`. */
export const EVENT_COLUMNS = `${PLAIN_COLUMNS}, sealed`;
