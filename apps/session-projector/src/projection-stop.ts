export type ProjectionStopCode =
  /** What the bus has at this place is not the event that the log has there. */
  | 'EVENT_FOREIGN'
  /** A type or schema that this version was not taught. */
  | 'EVENT_UNKNOWN'
  /** The event cannot be read or written as it is. */
  | 'EVENT_NOT_APPLICABLE'
  /** The master key is another one than the personal data's keys were wrapped by, or the ciphertext was changed. */
  | 'PERSONAL_DATA_UNREADABLE'
  /** The read model has more than the log: the log was put back to an older copy. */
  | 'CHECKPOINT_AHEAD_OF_LOG'
  /** The read model was built from other events than the log has now. */
  | 'CHECKPOINT_DIFFERS_FROM_LOG'
  /** An event that was in the log is missing there. */
  | 'LOG_DAMAGED';

/**
 * The projection cannot go on without leaving something out. Until the cause is mended, by another deployment or in the
 * log or the stream, lists are answered from the log.
 */
export class ProjectionStop extends Error {
  override readonly name = 'ProjectionStop';

  constructor(
    readonly code: ProjectionStopCode,
    readonly position: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
