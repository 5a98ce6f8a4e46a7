import { generateKeyPairSync } from 'node:crypto';
import { checkpointKeyName, checkpointText, type Checkpoint } from '#event-log/checkpoint.js';
import { signNote, type NoteVerifier } from '#event-log/signed-note.js';

export interface CheckpointSigner {
  readonly verifier: NoteVerifier;
  readonly sign: (checkpoint: Checkpoint) => string;
}

/** Somebody with a key for the checkpoints of a log: the right one, or another. */
export function checkpointSigner(logId: string): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bytes = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const verifier = { name: checkpointKeyName(logId), publicKey: bytes };
  return { verifier, sign: (checkpoint) => signNote(checkpointText(checkpoint), verifier, privateKey) };
}
