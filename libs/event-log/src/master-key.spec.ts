import { describe, expect, it } from '@jest/globals';
import { MasterKey, masterKeyFrom } from './master-key.js';

const texts = [1, 2, 3, 4].map((byte) => Buffer.alloc(32, byte).toString('base64'));
const [present, next, previous, stranger] = texts.map((text) => new MasterKey(Buffer.from(text, 'base64')));
const masterKey = masterKeyFrom({
  MASTER_KEY: texts[0]!,
  NEW_MASTER_KEY: texts[1],
  PREVIOUS_MASTER_KEYS: [texts[2]!],
});
const key = Buffer.from('a key');

describe('a master key in rotation', () => {
  it.each([
    ['itself', present!],
    ['the one to come', next!],
    ['one before', previous!],
  ])('opens what %s has wrapped', (_, wrapper) => {
    expect(masterKey.unwrap(wrapper.wrap(key, 'here'), 'here')).toEqual(key);
  });

  it('opens nothing that a stranger has wrapped, and says which keys it tried', () => {
    const open = () => masterKey.unwrap(stranger!.wrap(key, 'here'), 'here');
    expect(open).toThrow(`not wrapped by ${present!.id} or ${next!.id} or ${previous!.id}`);
  });

  it('opens nothing in another place', () => {
    expect(() => masterKey.unwrap(previous!.wrap(key, 'here'), 'there')).toThrow('for this place');
  });

  it('wraps by itself alone, and is named by it', () => {
    expect(present!.unwrap(masterKey.wrap(key, 'here'), 'here')).toEqual(key);
    expect(masterKey.id).toBe(present!.id);
    expect(masterKey.ids).toEqual([present!.id, next!.id, previous!.id]);
  });
});
