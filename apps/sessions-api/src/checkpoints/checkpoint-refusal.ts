export type CheckpointRefusalCode =
  /** The newest event does not have the hash that the head says. */
  | 'HEAD_DIFFERS_FROM_LOG'
  /** The log, or its epoch, has not come to where the newest checkpoint says that it has been. */
  | 'LOG_BEHIND_CHECKPOINT'
  /** Where the newest checkpoint stands the log has another event now, or it is another log. */
  | 'LOG_DIFFERS_FROM_CHECKPOINT';

/** Nothing is signed that contradicts what was signed before: the log has lost events, or was changed. */
export class CheckpointRefusal extends Error {
  override readonly name = 'CheckpointRefusal';

  constructor(
    readonly code: CheckpointRefusalCode,
    message: string,
  ) {
    super(message);
  }
}
