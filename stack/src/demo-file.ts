import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const demoSchema = z.object({
  apiUrl: z.string(),
  natsUrl: z.string(),
  serviceKey: z.string(),
  accountKey: z.string(),
  sessions: z.array(z.object({ device: z.string(), token: z.string(), accessToken: z.string() })),
});

/** Where Signoff is, and what lets one act as the demo account and for it. */
export type Demo = z.infer<typeof demoSchema>;

/** Where it is, is another place at each start. */
const keptSchema = demoSchema.omit({ apiUrl: true, natsUrl: true });
type Kept = z.infer<typeof keptSchema>;

/** Undefined when there is none, or none that can be read. */
export async function readDemo(file: string): Promise<Kept | undefined> {
  try {
    return keptSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeDemo(file: string, demo: Demo): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(demo, null, 2) + '\n', { mode: 0o600 });
  await rename(draft, file);
}
