type Cell = string | number | null | undefined;

/** One line a row under headings, in columns; nothing but the headings when there are no rows. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map((cell) => printable(cell ?? '-')))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and ids may have any characters: none of them moves the cursor of a terminal. */
export const printable = (text: string | number): string =>
  String(text).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );

export const say = (text: string): void => console.log(text);

/** For people, beside what was asked for. */
export const remark = (text: string): void => console.error(text);

export const sayJson = (value: unknown): void => console.log(JSON.stringify(value));
