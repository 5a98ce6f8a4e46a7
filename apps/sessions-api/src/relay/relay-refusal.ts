export type RelayRefusalCode =
  /** The stream holds more than the log: the log was put back to an older copy. */
  | 'STREAM_AHEAD_OF_LOG'
  /** The stream's last message is not the log's event at that position. */
  | 'STREAM_DIFFERS_FROM_LOG'
  /** The stream refuses the very sequence that its own numbers ask for. */
  | 'STREAM_REFUSES_ITS_SEQUENCE';

/** The relay will not write to this stream: publishing would make it something else than the log's mirror. */
export class RelayRefusal extends Error {
  constructor(
    readonly code: RelayRefusalCode,
    message: string,
  ) {
    super(message);
    this.name = 'RelayRefusal';
  }
}
