import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const demoSchema = z.object({
  serviceKey: z.string(),
  accountKey: z.string(),
  sessions: z.array(z.object({ device: z.string(), token: z.string(), accessToken: z.string() })),
});

/** What lets one act as the demo account and for it. */
export type Demo = z.infer<typeof demoSchema>;

/** Undefined when there is none, or none that can be read. */
export async function readDemo(file: string): Promise<Demo | undefined> {
  try {
    return demoSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeDemo(file: string, demo: Demo): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(demo, null, 2) + '\n', { mode: 0o600 });
  await rename(draft, file);
}
