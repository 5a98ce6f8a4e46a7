import { open } from 'node:fs/promises';

const tailBytes = 4096;
const tailLines = 20;

/** The last lines that a log file got since byte `from`; empty when there are none. */
export async function logTail(file: string, from = 0): Promise<string> {
  const log = await open(file, 'r').catch(() => undefined);
  if (!log) return '';
  try {
    const { size } = await log.stat();
    const start = Math.max(from, size - tailBytes);
    const { buffer, bytesRead } = await log.read(Buffer.alloc(tailBytes), 0, tailBytes, start);
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-tailLines).join('\n');
  } finally {
    await log.close();
  }
}
