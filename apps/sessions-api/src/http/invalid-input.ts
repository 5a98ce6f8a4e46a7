export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** What was sent cannot be taken: every field that is wrong is named. */
export class InvalidInput extends Error {
  constructor(readonly errors: readonly FieldError[]) {
    super('the input is invalid');
    this.name = 'InvalidInput';
  }
}
