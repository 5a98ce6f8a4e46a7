import { describe, expect, it } from '@jest/globals';
import { decodeEvent, EVENT_TYPES } from './event-types.js';

/** Schema 1 had a name, schema 2 split it, schema 3 counts the letters. */
const PEOPLE = {
  PersonMet: {
    schema: 3,
    upcasters: [
      ({ name, ...rest }: Record<string, unknown>) => {
        const [first, last] = String(name).split(' ');
        return { ...rest, first, last };
      },
      (data: Record<string, unknown>) => ({ ...data, letters: String(data.first).length }),
    ],
  },
};

const met = (schema: number, data: object) => ({ type: 'PersonMet', schema, data: JSON.stringify(data) });

describe('reading an event', () => {
  it('of the schema that is written today leaves its data as they are', () => {
    expect(decodeEvent(met(3, { first: 'Ada', letters: 3 }), PEOPLE)).toEqual({
      type: 'PersonMet',
      data: { first: 'Ada', letters: 3 },
    });
  });

  it('of an older schema brings its data up to date, step by step', () => {
    const data = { first: 'Ada', last: 'Lovelace', letters: 3, at: 'tea' };
    expect(decodeEvent(met(1, { name: 'Ada Lovelace', at: 'tea' }), PEOPLE).data).toEqual(data);
    expect(decodeEvent(met(2, { first: 'Ada', last: 'Lovelace', at: 'tea' }), PEOPLE).data).toEqual(data);
  });

  it('of a newer schema than this version knows fails', () => {
    expect(() => decodeEvent(met(4, {}), PEOPLE)).toThrow('unknown event PersonMet of schema 4');
  });

  it('of an unknown type fails', () => {
    expect(() => decodeEvent({ type: 'PersonLost', schema: 1, data: '{}' }, PEOPLE)).toThrow('PersonLost');
  });
});

describe('the table of event types', () => {
  it.each(Object.entries(EVENT_TYPES))('has an upcaster for each earlier schema of %s', (_, type) => {
    expect(type.upcasters).toHaveLength(type.schema - 1);
  });
});
