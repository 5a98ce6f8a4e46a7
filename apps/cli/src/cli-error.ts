/** Said as it is, in one line; the process ends with 1. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
