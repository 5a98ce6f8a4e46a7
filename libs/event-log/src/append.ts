import type { NewEvent, RecordedEvent } from './event.js';
import type { SubjectKey } from './sealing.js';

/** What one command wants written, all of it or nothing. */
export interface Append {
  readonly streamId: string;
  /** The version that the decision was made on; null where order does not matter. */
  readonly expectedVersion: number | null;
  /** The stream's row (`STREAM_ROW`) that the decision was made on, where it is known. */
  readonly expectedRow?: string | null;
  /** None: a keyed command that was refused or had nothing to do; its outcome is recorded all the same. */
  readonly events: readonly NewEvent[];
  /** A key that the events are sealed under and that is not in the log yet. */
  readonly subjectKey?: SubjectKey;
  /** Keys of the stream that are destroyed with it: what was sealed under them is erased. */
  readonly destroyedKeys?: readonly string[];
  readonly command?: KeyedCommand;
}

export interface CommandKey {
  readonly principal: string;
  readonly operation: string;
  readonly key: string;
}

/** A command that carries an `Idempotency-Key`. `outcome` is what a repetition will be answered from: no secrets. */
export interface KeyedCommand extends CommandKey {
  readonly requestHash: Buffer;
  readonly outcome: unknown;
}

export interface RecordedOutcome {
  readonly requestHash: Buffer;
  readonly outcome: unknown;
  /** The position of the command's last event; null when it recorded none. */
  readonly position: number | null;
}

export type AppendOutcome =
  | {
      readonly kind: 'appended';
      readonly events: readonly RecordedEvent[];
      /** The stream's row (`STREAM_ROW`), if there are events; null where the answer that names it was lost. */
      readonly row: string | null;
    }
  /** The stream has moved on: nothing was written, decide again. */
  | { readonly kind: 'conflict' }
  /** The same key was used before: nothing was written, this is what was answered. */
  | ({ readonly kind: 'repeated' } & RecordedOutcome);

export const commandKeyText = ({ principal, operation, key }: CommandKey) =>
  JSON.stringify([principal, operation, key]);
