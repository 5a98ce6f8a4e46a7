export type RebuildRefusalCode =
  /** Another rebuild is under way. */
  | 'REBUILD_RUNNING'
  /** The log has begun another epoch meanwhile. */
  | 'LOG_CHANGED'
  /** A migration has changed the tables meanwhile. */
  | 'TABLES_CHANGED'
  /** SIGINT or SIGTERM came. */
  | 'STOPPED';

/** The rebuild says no, or stops: lists go on reading the tables that they have read before. */
export class RebuildRefusal extends Error {
  override readonly name = 'RebuildRefusal';

  constructor(
    readonly code: RebuildRefusalCode,
    message: string,
  ) {
    super(message);
  }
}
