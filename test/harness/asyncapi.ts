import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

interface Reference {
  readonly $ref: string;
}

interface Message {
  readonly headers?: object;
  readonly payload?: object;
  readonly contentType?: string;
}

interface Channel {
  readonly address: string | null;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly messages: Readonly<Record<string, Reference>>;
}

interface Operation {
  readonly action: 'send' | 'receive';
  readonly channel: Reference;
  readonly reply?: { readonly channel: Reference; readonly messages: readonly Reference[] };
}

export interface AsyncApi {
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
}

export const readAsyncApi = () =>
  parse(readFileSync(join(import.meta.dirname, '../../docs/asyncapi.yaml'), 'utf8')) as AsyncApi;

/** What stands where a reference of the document leads. */
export const resolve = (document: object, reference: string): unknown =>
  reference
    .split('/')
    .slice(1)
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);

const require = createRequire(import.meta.url);

/** What is wrong with a document by the schema of AsyncAPI. */
export function problemsOf(document: object): ErrorObject[] {
  const schema = require('@asyncapi/specs/schemas/3.0.0.json') as object;
  // It brings the schema of schemas along.
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    validateFormats: false,
    meta: false,
    validateSchema: false,
  });
  const valid = ajv.compile(schema);
  valid(document);
  return valid.errors ?? [];
}

export type Headers = Readonly<Record<string, string>>;

/** What is said on a bus, held against the document. A field that is not described is a mistake as well. */
export class DescribedBus {
  private readonly ajv = new Ajv({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    validateFormats: false,
  });
  private readonly channels: readonly { subject: RegExp; channel: string }[];
  /** The messages that have been found right. */
  readonly seen = new Set<string>();

  constructor(private readonly document: AsyncApi) {
    this.ajv.addVocabulary(Object.keys(document));
    this.ajv.addSchema(document, 'asyncapi');
    this.channels = Object.entries(document.channels).flatMap(([channel, { address }]) =>
      address === null ? [] : [{ channel, subject: matcherOf(address) }],
    );
  }

  /** The channel of a subject. */
  channelOf(subject: string): string | undefined {
    return this.channels.find((one) => one.subject.test(subject))?.channel;
  }

  /** What is wrong with a message on a channel; null when it is one of those that the channel has. */
  problemIn(channel: string, body: string, headers: Headers): string | null {
    return this.problemBy(Object.keys(this.document.channels[channel]!.messages), body, headers);
  }

  /** What is wrong with the answer to a question on a channel. */
  problemInAnswer(channel: string, body: string, headers: Headers): string | null {
    const operations = Object.values(this.document.operations);
    const { reply } = operations.find((one) => one.channel.$ref === `#/channels/${channel}`)!;
    return this.problemBy(reply?.messages.map(({ $ref }) => $ref.split('/').at(-1)!) ?? [], body, headers);
  }

  private problemBy(names: readonly string[], body: string, headers: Headers): string | null {
    const problems = names.map((name) => {
      const { headers: ofHeaders, payload, contentType } = this.document.components.messages[name]!;
      const said = () => (contentType === 'text/plain' ? body : (JSON.parse(body) as unknown));
      const problem =
        (payload ? this.invalid(`${name}/payload`, said()) : body && 'it is not empty') ||
        (ofHeaders ? this.invalid(`${name}/headers`, headers) : Object.keys(headers).join());
      if (!problem) this.seen.add(name);
      return problem && `${name}: ${problem}`;
    });
    return problems.includes('') ? null : `${problems.join('; ') || 'nothing is said here'}: ${body}`;
  }

  /** Throws when a schema of the message is none. */
  compile(name: string): void {
    for (const part of ['headers', 'payload'] as const) {
      if (this.document.components.messages[name]![part]) this.schema(`${name}/${part}`);
    }
  }

  private schema(path: string): ValidateFunction {
    return this.ajv.getSchema(`asyncapi#/components/messages/${path}`)!;
  }

  private invalid(path: string, value: unknown): string {
    const valid = this.schema(path);
    return valid(value) ? '' : this.ajv.errorsText(valid.errors, { dataVar: path });
  }
}

const matcherOf = (address: string) =>
  new RegExp(`^${address.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^.]+')}$`);
