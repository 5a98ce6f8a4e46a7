import { describe, expect, it } from '@jest/globals';
import { namesOf } from '#bus/subjects.js';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { DescribedBus, problemsOf, readAsyncApi, resolve } from './harness/asyncapi.js';

const document = readAsyncApi();
const { channels, operations, components } = document;

const referencesIn = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([name, inner]) =>
        name === '$ref' ? [inner as string] : referencesIn(inner),
      );

describe('docs/asyncapi.yaml', () => {
  it('is AsyncAPI 3 by its schema', () => {
    expect(document).toMatchObject({ asyncapi: '3.0.0' });
    expect(problemsOf(document)).toEqual([]);
  });

  it('is found wrong when it is', () => {
    const [[name, channel]] = Object.entries(channels) as [[string, object]];
    expect(problemsOf({ ...document, channels: { [name]: { ...channel, adress: 'x' } } })).not.toEqual([]);
    expect(problemsOf({ ...document, operations: { one: { action: 'shout' } } })).not.toEqual([]);
  });

  it('has references that lead somewhere', () => {
    const references = referencesIn(document);
    expect(references.length).toBeGreaterThan(100);
    expect(references.filter((one) => resolve(document, one) === undefined)).toEqual([]);
  });

  it('has schemas that can be compiled, without a keyword that means nothing', () => {
    const bus = new DescribedBus(document);
    for (const name of Object.keys(components.messages)) expect(() => bus.compile(name)).not.toThrow();
  });

  it('describes each parameter of an address, and no other', () => {
    for (const { address, parameters = {} } of Object.values(channels)) {
      const named = [...(address ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(named).toEqual(Object.keys(parameters));
    }
  });

  it('has an operation for each channel, which answers where something is asked', () => {
    const used = Object.values(operations).flatMap(({ channel, reply }) => [channel, reply?.channel]);
    expect(new Set(used.flatMap((one) => one?.$ref ?? []))).toEqual(
      new Set(Object.keys(channels).map((name) => `#/channels/${name}`)),
    );
    for (const { channel, reply } of Object.values(operations)) {
      const { address } = resolve(document, channel.$ref) as { address: string };
      expect([address, Boolean(reply)]).toEqual([address, address.startsWith('signoff.rpc.')]);
      for (const { $ref } of reply?.messages ?? []) expect($ref).toMatch(`${reply!.channel.$ref}/messages/`);
    }
  });

  it.each(Object.entries(EVENT_TYPES))(
    'has a message for %s, on its subject, of its schema',
    (type, { schema }) => {
      const { token, name } = namesOf(type);
      const addresses = Object.values(channels).filter(({ messages }) => type in messages);
      expect(addresses.map(({ address }) => address)).toEqual([`sessions.${token}.{shard}`]);
      expect(components.messages[type]).toMatchObject({
        headers: { properties: { 'ce-type': { const: `signoff.${name}.v${schema}` } } },
        payload: { properties: { type: { const: type }, schema: { const: schema } } },
      });
    },
  );

  it('has no event that is not there', () => {
    const described = Object.values(channels).filter(({ address }) => address?.startsWith('sessions.'));
    expect(described.flatMap(({ messages }) => Object.keys(messages)).toSorted()).toEqual(
      Object.keys(EVENT_TYPES).toSorted(),
    );
  });
});
