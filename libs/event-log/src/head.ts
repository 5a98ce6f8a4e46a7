/** The log's one row of counters. `recordedAt` is in milliseconds since 1970. */
export interface Head {
  readonly logId: string;
  readonly epoch: number;
  readonly position: number;
  readonly revocations: number;
  readonly revocationsFloor: number;
  readonly hash: Buffer;
  readonly recordedAt: number;
}

export const HEAD_COLUMNS = `log_id AS "logId", epoch, position, revocations, revocations_floor AS "revocationsFloor", hash,
  (extract(epoch FROM recorded_at) * 1000)::bigint AS "recordedAt"`;
