import type { RecordedEvent } from './event.js';

/**
 * An export is lines of JSON (NDJSON):
 *
 *     {"format":"signoff-export/1","logId":…,"epoch":…,"after":0,"filter":null}
 *     {"position":1,"streamId":…,…,"previousHash":…,"hash":…,"entry":{…}}        each event, in the order of the log
 *     {"checkpoint":"signoff-checkpoint/1 …"}                                    a signed note, right behind its event
 *     {"end":{"events":1,"position":1}}                                          without it, it was cut off
 *
 * An event has its columns exactly as they are hashed; `entry`, which is for people, is covered by no hash.
 */
export const EXPORT_FORMAT = 'signoff-export/1';

export interface ExportHeader {
  readonly logId: string;
  readonly epoch: number;
  /** The export begins behind this position: 0 for the whole log. */
  readonly after: number;
  /** What was asked for; null when every event is in it. */
  readonly filter: Readonly<Record<string, unknown>> | null;
}

export interface ExportedEvent {
  readonly event: RecordedEvent;
  /** Of the event before it in the log: with it, each event can be checked alone. */
  readonly previousHash: Buffer;
  readonly entry?: unknown;
}

export interface ExportEnd {
  /** How many there are in it. */
  readonly events: number;
  /** Up to here the log was looked at. */
  readonly position: number;
}

export type ExportLine =
  | { readonly header: ExportHeader }
  | ExportedEvent
  | { readonly checkpoint: string }
  | { readonly end: ExportEnd };

export const headerLine = ({ logId, epoch, after, filter }: ExportHeader): string =>
  line({ format: EXPORT_FORMAT, logId, epoch, after, filter });

export function eventLine({ event, previousHash, entry }: ExportedEvent): string {
  return line({
    position: event.position,
    streamId: event.streamId,
    version: event.version,
    eventId: event.eventId,
    type: event.type,
    schema: event.schema,
    data: event.data,
    sealed: event.sealed?.toString('base64') ?? null,
    metadata: event.metadata,
    recordedAt: new Date(event.recordedAt).toISOString(),
    revocation: event.revocation,
    previousHash: previousHash.toString('hex'),
    hash: event.hash.toString('hex'),
    entry,
  });
}

export const checkpointLine = (note: string): string => line({ checkpoint: note });
export const endLine = (end: ExportEnd): string => line({ end });

const line = (value: object) => `${JSON.stringify(value)}\n`;

export class ExportMalformed extends Error {
  override readonly name = 'ExportMalformed';
}

/** Whatever whole lines each chunk brings, as they come: nothing else is held. Throws `ExportMalformed`, naming the line. */
export async function* readExport(chunks: AsyncIterable<string>): AsyncGenerator<ExportLine[]> {
  let rest = '';
  let number = 0;
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    const read: ExportLine[] = [];
    for (const text of lines) {
      number++;
      try {
        read.push(readLine(text, number === 1));
      } catch (cause) {
        // What is good is given out before: what is wrong has to be seen in its place.
        if (read.length > 0) yield read;
        throw new ExportMalformed(`line ${number} ${(cause as Error).message}`, { cause });
      }
    }
    if (read.length > 0) yield read;
  }
  if (rest !== '') throw new ExportMalformed(`line ${number + 1} was cut off`);
}

function readLine(text: string, isFirst: boolean): ExportLine {
  let value: Fields;
  try {
    value = JSON.parse(text) as Fields;
  } catch {
    throw new Error('is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('is no object');
  if (isFirst) return { header: readHeader(value) };
  if ('checkpoint' in value) return { checkpoint: string(value, 'checkpoint') };
  if ('end' in value) {
    const end = value.end as Fields;
    return { end: { events: count(end, 'events'), position: count(end, 'position') } };
  }
  return readEvent(value);
}

type Fields = Record<string, unknown>;

function readHeader(value: Fields): ExportHeader {
  if (value.format !== EXPORT_FORMAT) throw new Error(`does not name the format ${EXPORT_FORMAT}`);
  if (typeof value.filter !== 'object') throw new Error('has no filter, nor null for it');
  return {
    logId: matching(value, 'logId', UUID),
    epoch: count(value, 'epoch', MAX_INT),
    after: count(value, 'after'),
    filter: value.filter as Fields | null,
  };
}

function readEvent(value: Fields): ExportedEvent {
  const { sealed, revocation, entry } = value;
  return {
    event: {
      position: count(value, 'position'),
      streamId: string(value, 'streamId'),
      version: count(value, 'version', MAX_INT),
      eventId: matching(value, 'eventId', UUID),
      type: string(value, 'type'),
      schema: count(value, 'schema', MAX_INT),
      data: string(value, 'data'),
      sealed: sealed === null ? null : base64(value, 'sealed'),
      metadata: string(value, 'metadata'),
      recordedAt: instant(value, 'recordedAt'),
      revocation: revocation === null ? null : count(value, 'revocation'),
      hash: Buffer.from(matching(value, 'hash', SHA256), 'hex'),
    },
    previousHash: Buffer.from(matching(value, 'previousHash', SHA256), 'hex'),
    ...(entry !== undefined && { entry }),
  };
}

const MAX_INT = 2 ** 31 - 1;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

function string(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Error(`has no text as ${name}`);
  return value;
}

function matching(fields: Fields, name: string, pattern: RegExp): string {
  const value = string(fields, name);
  if (!pattern.test(value)) throw new Error(`has no ${name} that can be read`);
  return value;
}

/** Exactly as it was written: decoding passes over what does not belong there, and a pattern takes longer. */
function base64(fields: Fields, name: string): Buffer {
  const text = string(fields, name);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new Error(`has no ${name} that can be read`);
  return bytes;
}

function count(fields: Fields, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = fields?.[name];
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max) {
    throw new Error(`has no number as ${name}`);
  }
  return value as number;
}

function instant(fields: Fields, name: string): number {
  const time = Date.parse(string(fields, name));
  if (Number.isNaN(time) || new Date(time).toISOString() !== fields[name]) {
    throw new Error(`has no time in milliseconds as ${name}`);
  }
  return time;
}
