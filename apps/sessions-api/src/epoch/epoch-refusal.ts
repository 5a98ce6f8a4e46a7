export type EpochRefusalCode =
  | 'CONFIRMATION_MISSING'
  /** Somebody else began an epoch, or put another log there, since it was looked at. */
  | 'EPOCH_CHANGED';

/** The command says no; nothing was changed. */
export class EpochRefusal extends Error {
  constructor(
    readonly code: EpochRefusalCode,
    message: string,
  ) {
    super(message);
    this.name = 'EpochRefusal';
  }
}
