import { describe, expect, it } from '@jest/globals';
import { notesIn } from './kept-checkpoints.js';

const note = (position: number) =>
  `signoff-checkpoint/1 log\n1\n${position}\nhash\ntime\n\n— name sig\n— other sig\n`;

describe('the notes that were kept in a file', () => {
  it('are told apart, as they were appended', () => {
    expect(notesIn(note(1) + note(2), 'kept').map((found) => found.note)).toEqual([note(1), note(2)]);
  });

  it('have nothing of what somebody else said between them', () => {
    const kept = `${note(1)}anything\n\n— name forged\n${note(2)}more`;
    expect(notesIn(kept, 'kept').map((found) => found.note)).toEqual([note(1), note(2)]);
  });

  it('are kept as they are when they were damaged', () => {
    const damaged = note(1).replace('— name sig', 'name sig');
    expect(notesIn(damaged, 'kept').map((found) => found.note)).toEqual([damaged]);
  });
});
