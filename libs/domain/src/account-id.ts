const MAX_CODE_POINTS = 128;

/** 1 to 128 code points, no control characters or lone surrogates, not `.` or `..`; compared as given. */
export function isAccountId(text: string): boolean {
  return (
    text !== '' &&
    text !== '.' &&
    text !== '..' &&
    [...text].length <= MAX_CODE_POINTS &&
    !/[\p{Cc}\p{Cs}]/u.test(text)
  );
}
