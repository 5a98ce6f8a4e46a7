/** What was sealed in an account's events of these months can no longer be opened. An event of the account's own stream. */
export interface PersonalDataErased {
  readonly type: 'PersonalDataErased';
  /** Their first days: `2026-11-01`. */
  readonly data: { readonly months: readonly string[] };
}
