export type KeyRefusalCode =
  | 'SIGNING_KEY_UNKNOWN'
  | 'SIGNING_KEY_WAITING'
  | 'CONFIRMATION_MISSING'
  | 'MASTER_KEY_SAME'
  | 'MASTER_KEY_UNKNOWN'
  | 'MASTER_KEY_WRONG'
  | 'MASTER_KEY_IN_USE';

/** The command says no; nothing was changed, or what was is right and the message says what is left. */
export class KeyRefusal extends Error {
  constructor(
    readonly code: KeyRefusalCode,
    message: string,
  ) {
    super(message);
    this.name = 'KeyRefusal';
  }
}
