import { CHECKPOINT_FORMAT, parseCheckpoint } from '../checkpoint.js';
import { textOfNote } from '../signed-note.js';
import type { FoundNote } from './checkpoints.js';

/** What was appended behind the signatures of a note, by whoever said it under the same subject, is no part of it. */
const BEHIND_SIGNATURES = /(\n\n(?:— [^\n]*\n)+)[^]*$/;

/** The notes of a text in which they stand one after the other, as they were appended to it. */
export function notesIn(text: string, name: string): FoundNote[] {
  const notes = text.split(new RegExp(`^(?=${CHECKPOINT_FORMAT} )`, 'm')).filter((one) => one.trim() !== '');
  return notes.map((note, i) => ({
    note: `${note.trimEnd()}\n`.replace(BEHIND_SIGNATURES, '$1'),
    from: notes.length === 1 ? name : `${name}, number ${i + 1}`,
  }));
}

/** In the order of the positions that they name, whether they are signed or not. */
export function byPosition(notes: readonly FoundNote[]): FoundNote[] {
  return notes.toSorted((one, other) => positionIn(one.note) - positionIn(other.note));
}

export function positionIn(note: string): number {
  try {
    return parseCheckpoint(textOfNote(note))?.position ?? 0;
  } catch {
    return 0;
  }
}
