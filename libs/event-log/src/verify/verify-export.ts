import { ExportMalformed, readExport } from '../export-format.js';
import { ExportCheck } from './export-check.js';
import { Findings } from './findings.js';
import type { Verification, VerifyOptions } from './verification.js';

/**
 * Reads an export from its first line to its last, and holds no event of it, only a
 * number for each stream. Throws only when it is none.
 */
export async function verifyExport(
  chunks: AsyncIterable<string>,
  options: VerifyOptions = {},
): Promise<Verification> {
  const findings = new Findings();
  let check: ExportCheck | undefined;
  try {
    for await (const lines of readExport(chunks)) {
      const [first] = lines;
      if (!check && first && 'header' in first) {
        check = new ExportCheck(first.header, findings, options);
        await check.read(lines.slice(1));
      } else await check?.read(lines);
      options.progress?.(check?.events ?? 0, null);
    }
  } catch (error) {
    if (!(error instanceof ExportMalformed) || !check) throw error;
    check.damaged(error.message);
  }
  if (!check) throw new ExportMalformed('there is nothing in it');
  return check.finish();
}
