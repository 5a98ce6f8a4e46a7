export type LogErrorCode =
  /** Nothing was written; asking again is safe. */
  | 'LOG_UNAVAILABLE'
  /** More waits to be written than the log commits. Nothing was written. */
  | 'LOG_BUSY'
  /** The log's newest time lies more than 5 s ahead of PostgreSQL's clock. Nothing was written. */
  | 'LOG_CLOCK_BEHIND'
  /** The answer to COMMIT was lost and could not be found out in time: the append has happened once or not at all. */
  | 'LOG_OUTCOME_UNKNOWN'
  /** Other processes kept changing the stream for as long as we tried. Nothing was written. */
  | 'CONTENTION';

/** Machinery broke: not a refusal. */
export class LogError extends Error {
  constructor(
    readonly code: LogErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'LogError';
  }
}
