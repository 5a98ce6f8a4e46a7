import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { sha256 } from './sha256.js';

/** What a key for signed notes is called by: a name without white space or "+", and its 32 public bytes. */
export interface NoteVerifier {
  readonly name: string;
  readonly publicKey: Buffer;
}

export type NoteFault =
  /** It is no signed note. */
  | 'MALFORMED'
  /** None of the keys has signed it. */
  | 'KEY_UNKNOWN'
  /** A signature that says to be of one of the keys is not. */
  | 'SIGNATURE_WRONG';

export class NoteError extends Error {
  override readonly name = 'NoteError';

  constructor(
    readonly code: NoteFault,
    message: string,
  ) {
    super(message);
  }
}

const ED25519 = Buffer.from([1]);
const NAME = /^[^\s+]+$/u;
const SIGNATURE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const KEY_TEXT = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u;
const KEY_ID_LENGTH = 4;

/** See https://github.com/C2SP/C2SP/blob/main/signed-note.md. `text` ends with a line break. */
export function signNote(text: string, { name, publicKey }: NoteVerifier, privateKey: KeyObject): string {
  if (!NAME.test(name)) throw new Error(`a key of notes is not called "${name}"`);
  if (!isNoteText(text)) throw new Error('a note is lines of text');
  const signature = sign(null, Buffer.from(text), privateKey);
  const bytes = Buffer.concat([keyId({ name, publicKey }), signature]);
  return `${text}\n— ${name} ${bytes.toString('base64')}\n`;
}

/** The text of a note that one of `verifiers` has signed; what other keys say of it does not count. Throws `NoteError`. */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): string {
  const text = textOfNote(note);
  let isSigned = false;
  for (const line of note.slice(text.length + 1, -1).split('\n')) {
    const [, name, encoded] = SIGNATURE.exec(line) ?? [];
    if (name === undefined || encoded === undefined) throw malformed('has a line that is no signature');
    const bytes = Buffer.from(encoded, 'base64');
    const id = bytes.subarray(0, KEY_ID_LENGTH);
    const verifier = verifiers.find((one) => one.name === name && keyId(one).equals(id));
    if (!verifier) continue;
    if (!verify(null, Buffer.from(text), keyObject(verifier), bytes.subarray(KEY_ID_LENGTH))) {
      throw new NoteError('SIGNATURE_WRONG', `its signature is not that of ${verifierText(verifier)}`);
    }
    isSigned = true;
  }
  if (!isSigned) throw new NoteError('KEY_UNKNOWN', 'it is signed by none of the keys that were given');
  return text;
}

/** Whoever has signed it, if anybody has. Throws `NoteError`. */
export function textOfNote(note: string): string {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw malformed('has no text and signatures');
  const text = note.slice(0, end + 1);
  if (!isNoteText(text)) throw malformed('has control characters');
  return text;
}

/** `name+id+key`, as it is published. */
export const verifierText = (verifier: NoteVerifier): string =>
  `${verifier.name}+${keyId(verifier).toString('hex')}+${typed(verifier.publicKey).toString('base64')}`;

/** Throws on anything but the text of an Ed25519 key with the id that it says. */
export function parseVerifier(text: string): NoteVerifier {
  const [, name, id, encoded] = KEY_TEXT.exec(text) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (name === undefined || bytes.length !== 33 || bytes[0] !== ED25519[0]) {
    throw new Error(`this is no Ed25519 key for notes (name+id+key): ${text}`);
  }
  const verifier = { name, publicKey: bytes.subarray(1) };
  if (keyId(verifier).toString('hex') !== id) throw new Error(`the key does not have the id ${id}: ${text}`);
  return verifier;
}

const malformed = (what: string) => new NoteError('MALFORMED', `it is no signed note: it ${what}`);

const isNoteText = (text: string) =>
  text.endsWith('\n') && !/[\p{Cc}\p{Cs}]/u.test(text.replaceAll('\n', ''));

const typed = (publicKey: Buffer) => Buffer.concat([ED25519, publicKey]);

const keyId = ({ name, publicKey }: NoteVerifier): Buffer =>
  sha256(Buffer.concat([Buffer.from(`${name}\n`), typed(publicKey)])).subarray(0, KEY_ID_LENGTH);

const keyObjects = new WeakMap<NoteVerifier, KeyObject>();

/** Made once for each key: it takes as long as a signature. */
function keyObject(verifier: NoteVerifier): KeyObject {
  const known = keyObjects.get(verifier);
  if (known) return known;
  const x = verifier.publicKey.toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  keyObjects.set(verifier, key);
  return key;
}
