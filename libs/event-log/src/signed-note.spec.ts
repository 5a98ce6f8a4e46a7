import { createPrivateKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NoteError, openNote, parseVerifier, signNote, verifierText } from './signed-note.js';

/** Of golang.org/x/mod/sumdb/note, where the format comes from: its key, its text and its signature. */
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETERS_SEED = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1);
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

const peter = parseVerifier(PETER);
const privateKey = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    x: peter.publicKey.toString('base64url'),
    d: PETERS_SEED.toString('base64url'),
  },
  format: 'jwk',
});

function somebody(name: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const verifier = { name, publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32) };
  return { verifier, sign: (text: string) => signNote(text, verifier, privateKey) };
}

/** The format once more, from its description: what a stranger would write who keeps checkpoints. */
async function secondOpinion(note: string, name: string, publicKey: Uint8Array): Promise<boolean> {
  const [, text, line] = /^([^]*\n)\n— ([^]+)\n$/u.exec(note)!;
  const [by, encoded] = line!.split(' ');
  const bytes = Uint8Array.from(atob(encoded!), (one) => one.codePointAt(0)!);
  const preimage = new TextEncoder().encode(`${name}\n\u0001`);
  const digest = await webcrypto.subtle.digest('SHA-256', Uint8Array.of(...preimage, ...publicKey));
  const key = await webcrypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  const isSigned = await webcrypto.subtle.verify(
    'Ed25519',
    key,
    bytes.slice(4),
    new TextEncoder().encode(text),
  );
  return by === name && isSigned && String(new Uint8Array(digest).slice(0, 4)) === String(bytes.slice(0, 4));
}

const fault = (open: () => unknown) => {
  try {
    return open();
  } catch (error) {
    return error instanceof NoteError ? error.code : error;
  }
};

describe('a signed note', () => {
  it('is the one that others make of the same text and key, and opens like theirs', () => {
    expect(signNote(TEXT, peter, privateKey)).toBe(NOTE);
    expect(openNote(NOTE, [peter])).toBe(TEXT);
    expect(verifierText(peter)).toBe(PETER);
  });

  it('of any text is good to a second implementation', async () => {
    const { verifier, sign } = somebody('signoff/log');
    const lines = fc.array(fc.string({ unit: 'grapheme' }).filter((line) => !/[\p{Cc}\p{Cs}]/u.test(line)));
    await fc.assert(
      fc.asyncProperty(lines, async (some) => {
        const text = `first\n${some.map((line) => `${line}\n`).join('')}`;
        const note = sign(text);
        expect(await secondOpinion(note, verifier.name, verifier.publicKey)).toBe(true);
        expect(openNote(note, [verifier])).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it('does not open when any character of its text or signature is another', () => {
    const characters = [...NOTE];
    for (const [index, character] of characters.entries()) {
      const changed = characters.with(index, character === 'A' ? 'B' : 'A').join('');
      expect([index, fault(() => openNote(changed, [peter]))]).toEqual([
        index,
        expect.stringMatching(/^(MALFORMED|KEY_UNKNOWN|SIGNATURE_WRONG)$/),
      ]);
    }
  });

  it('opens by any key that has signed it, whoever else has', () => {
    const [ada, bob] = [somebody('ada'), somebody('bob')];
    const both = ada.sign(TEXT) + bob.sign(TEXT).split('\n').at(-2)! + '\n';
    for (const { verifier } of [ada, bob]) expect(openNote(both, [verifier])).toBe(TEXT);
    expect(fault(() => openNote(both, [peter]))).toBe('KEY_UNKNOWN');
  });

  it('says whose key is missing, whose signature is wrong and what is no note at all', () => {
    expect(fault(() => openNote(NOTE, []))).toBe('KEY_UNKNOWN');
    expect(fault(() => openNote(NOTE, [somebody('PeterNeumann').verifier]))).toBe('KEY_UNKNOWN');
    expect(fault(() => openNote(NOTE.replace('answer', 'ANSWER'), [peter]))).toBe('SIGNATURE_WRONG');
    for (const text of [
      '',
      TEXT,
      `${TEXT}\n`,
      NOTE.trimEnd(),
      `${TEXT}\nPeterNeumann x08go\n`,
      NOTE + 'x\n',
    ]) {
      expect([text, fault(() => openNote(text, [peter]))]).toEqual([text, 'MALFORMED']);
    }
  });

  it('is of lines of text, by a key whose name can be told from the rest', () => {
    for (const text of ['', 'no line', 'a\u0000b\n', 'a\r\n'])
      expect(() => signNote(text, peter, privateKey)).toThrow('lines of text');
    for (const name of ['', 'two words', 'a+b'])
      expect(() => signNote(TEXT, { ...peter, name }, privateKey)).toThrow('is not called');
  });
});

describe('the text of a key', () => {
  it.each([
    ['another id', PETER.replace('c74f20a3', 'c74f20a4')],
    ['another name', PETER.replace('Peter', 'Petra')],
    ['another kind of key', PETER.replace('+AR', '+BR')],
    ['half a key', PETER.slice(0, -8)],
    ['nothing', ''],
  ])('with %s is refused', (_, text) => {
    expect(() => parseVerifier(text)).toThrow(/^(this is no Ed25519 key|the key does not have the id)/);
  });
});
