import type { CheckpointPosition } from '#read-model/checkpoint.js';

/** An event of the log as projections see it, in the schema of today. */
export interface ProjectedEvent {
  readonly position: number;
  readonly eventId: string;
  readonly type: string;
  readonly streamId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly hash: Buffer;
  /** JSON text. */
  readonly metadata: string;
  /** In milliseconds since 1970. */
  readonly recordedAt: number;
  /** W3C trace context of the command that it came of. */
  readonly traceparent?: string;
}

/** What follows `from` in the log: in order, without a gap, at least one event. */
export interface EventBatch {
  readonly from: CheckpointPosition;
  readonly events: readonly ProjectedEvent[];
  /** What the projection has made of them beforehand. */
  readonly prepared?: Promise<unknown>;
}

/**
 * Keeps tables equal to the fold of the log up to a checkpoint, which moves in the same transaction as they do.
 * It never applies an event twice or leaves one out, whoever else writes to the same tables.
 */
export interface Projection {
  readonly name: string;
  /** Whoever holds it projects. */
  readonly lockId: number;
  /** Where to go on. A checkpoint of another log than the present one was discarded with everything built on it. */
  resume(): Promise<CheckpointPosition>;
  /** What a batch of this log comes to; may be asked while the one before is applied. */
  prepare(events: readonly ProjectedEvent[], logId: string): Promise<unknown>;
  /**
   * Applies as much of the batch as it can, and answers how far it came: at least one event, else it throws
   * `ProjectionStop` for the event that it cannot apply, or `Fenced`.
   */
  apply(batch: EventBatch): Promise<CheckpointPosition>;
}

/** Somebody else has moved the checkpoint: nothing was written. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}
