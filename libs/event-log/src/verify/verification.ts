import type { NoteVerifier } from '../signed-note.js';
import type { FoundNote } from './checkpoints.js';
import type { Finding } from './findings.js';

export interface VerifyOptions {
  /** Kept where whoever can change the log cannot change them. */
  readonly checkpoints?: readonly FoundNote[];
  /** That sign checkpoints, from a place of the same kind. Without them, the log's own, where it has some. */
  readonly keys?: readonly NoteVerifier[];
  /** Now and then: how many events were checked; `of`: how many there are, where it is known. */
  readonly progress?: (events: number, of: number | null) => void;
}

export interface Agreed {
  readonly agreed: number;
  readonly newest: number;
}

export interface Verification {
  readonly logId: string;
  readonly epoch: number;
  readonly events: number;
  /** Of the newest event. */
  readonly position: number;
  /** The first bad position first: a thousand at most, `findingCount` has them all. None: the log is whole. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  /** Of those that were given, and of those that stand beside the events: how many agree, and the newest position. */
  readonly keptCheckpoints: Agreed;
  readonly storedCheckpoints: Agreed;
  /** What was not checked, and why. */
  readonly unchecked: readonly string[];
}
