import { type Checkpoint, parseCheckpoint } from '../checkpoint.js';
import { NoteError, type NoteVerifier, openNote, textOfNote } from '../signed-note.js';
import type { Findings } from './findings.js';
import { positionIn } from './kept-checkpoints.js';

/** A signed note, and where it was found. */
export interface FoundNote {
  readonly note: string;
  /** Where: "the database, number 7". */
  readonly from: string;
}

export interface OpenCheckpoint {
  readonly from: string;
  readonly checkpoint: Checkpoint;
}

/**
 * Compares a log with checkpoints. One that is not signed by one of the keys is a finding, and says nothing of the log.
 * Without keys the signatures are not looked at: what the notes say is compared all the same.
 */
export class Checkpoints {
  private agreed = 0;
  private newest = 0;
  private differed = false;

  constructor(
    private readonly log: { readonly logId: string; readonly epoch: number },
    private readonly keys: readonly NoteVerifier[] | undefined,
    private readonly findings: Findings,
  ) {}

  get result(): { agreed: number; newest: number } {
    return { agreed: this.agreed, newest: this.newest };
  }

  /** Undefined, with a finding, for one that does not count. */
  open({ note, from }: FoundNote): OpenCheckpoint | undefined {
    let text: string;
    try {
      text = this.keys ? openNote(note, this.keys) : textOfNote(note);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      this.findings.add(
        positionIn(note) || null,
        'checkpoint',
        `the checkpoint in ${from}: ${error.message}`,
      );
      return undefined;
    }
    const checkpoint = parseCheckpoint(text);
    if (!checkpoint) {
      this.findings.add(null, 'checkpoint', `the note in ${from} is no checkpoint`);
    } else if (checkpoint.logId !== this.log.logId) {
      this.findings.add(
        null,
        'checkpoint',
        `the checkpoint in ${from} is of another log, ${checkpoint.logId}: this one is ${this.log.logId}`,
      );
    } else return { from, checkpoint };
    return undefined;
  }

  /**
   * `found`: what the log has at the checkpoint's position; null where it has no event there, and so far it has come to
   * `end`. To be called in the order of positions.
   */
  compare(
    { from, checkpoint: { epoch, position, hash, madeAt } }: OpenCheckpoint,
    found: Buffer | null,
    end: number,
  ): void {
    const time = new Date(madeAt).toISOString();
    const what = `the checkpoint of ${time} (${from})`;
    const restored =
      epoch < this.log.epoch
        ? `; it is of epoch ${epoch}, and the log is in ${this.log.epoch}: a restore that is known of may be the reason`
        : '';
    if (epoch > this.log.epoch) {
      this.findings.add(position, 'checkpoint', `${what} is of epoch ${epoch}, the log of ${this.log.epoch}`);
    }
    if (found?.equals(hash)) {
      this.agreed++;
      this.newest = position;
      return;
    }
    // All behind it differ as well, as long as the chain is whole.
    if (this.differed) return;
    this.differed = true;
    if (found) {
      const since = `from ${Math.min(this.newest + 1, position)} to ${position}`;
      this.findings.add(
        position,
        'checkpoint',
        `${what} has another hash: the log was rewritten somewhere ${since}${restored}`,
      );
    } else {
      this.findings.add(
        Math.min(position, end + 1),
        'checkpoint',
        `${what} says that the log had come to ${position}: it has lost what is missing${restored}`,
      );
    }
  }
}
