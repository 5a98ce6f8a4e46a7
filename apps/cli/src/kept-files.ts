import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type NoteVerifier, parseVerifier } from '#event-log/signed-note.js';
import type { FoundNote } from '#event-log/verify/checkpoints.js';
import { notesIn } from '#event-log/verify/kept-checkpoints.js';
import { CliError } from './cli-error.js';

/** Of files with one or more notes, and of folders with such files. */
export async function readCheckpoints(paths: readonly string[]): Promise<FoundNote[]> {
  const notes: FoundNote[] = [];
  for (const path of paths) {
    for (const file of await filesIn(path)) {
      const found = notesIn(await readFile(file, 'utf8'), file);
      if (found.length === 0) throw new CliError(`${file} has no checkpoint in it`);
      notes.push(...found);
    }
  }
  if (paths.length > 0 && notes.length === 0)
    throw new CliError(`${paths.join(', ')}: there is no checkpoint`);
  return notes;
}

/** Each is the text of a key, or the name of a file with one a line. */
export async function readKeys(given: readonly string[]): Promise<NoteVerifier[]> {
  const texts = await Promise.all(
    given.map(async (one) => (isKeyText(one) ? [one] : (await readFile(one, 'utf8')).split('\n'))),
  );
  const keys = texts.flat().filter((text) => text.trim() !== '');
  if (given.length > 0 && keys.length === 0) throw new CliError(`${given.join(', ')}: there is no key`);
  return keys.map((text) => parseVerifier(text.trim()));
}

const isKeyText = (text: string) => /^[^\s+]+\+[0-9a-f]{8}\+/.test(text);

async function filesIn(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(path, name))
    .toSorted();
}
