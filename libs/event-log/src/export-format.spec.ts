import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  checkpointLine,
  endLine,
  eventLine,
  type ExportedEvent,
  type ExportLine,
  headerLine,
  readExport,
} from './export-format.js';

const header = {
  logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12',
  epoch: 2,
  after: 0,
  filter: { accountId: 'ada' },
};
const event: ExportedEvent = {
  event: {
    position: 7,
    streamId: 'account-ada',
    version: 3,
    eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001',
    type: 'SessionRevoked',
    schema: 1,
    data: '{ "a":1}',
    sealed: Buffer.from('sealed'),
    metadata: '{}',
    recordedAt: 1_795_600_000_123,
    revocation: 2,
    hash: Buffer.alloc(32, 1),
  },
  previousHash: Buffer.alloc(32, 2),
};

async function read(text: string, size = text.length): Promise<ExportLine[]> {
  async function* chunks() {
    for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
  }
  const lines: ExportLine[] = [];
  for await (const some of readExport(chunks())) lines.push(...some);
  return lines;
}

describe('an export', () => {
  it('is read as it was written, however it is cut into pieces', async () => {
    const lines: ExportLine[] = [
      { header },
      event,
      { ...event, entry: { account: 'ada' } },
      { checkpoint: 'signoff-checkpoint/1 …\n\n— name xyz\n' },
      { end: { events: 2, position: 9 } },
    ];
    const text =
      headerLine(header) +
      eventLine(event) +
      eventLine({ ...event, entry: { account: 'ada' } }) +
      checkpointLine('signoff-checkpoint/1 …\n\n— name xyz\n') +
      endLine({ events: 2, position: 9 });
    for (const size of [1, 2, 7, 100, text.length]) expect(await read(text, size)).toEqual(lines);
  });

  it('has the columns of any event to the byte', async () => {
    const text = fc.string({ unit: 'grapheme' });
    const any = fc.record({
      position: fc.maxSafeNat(),
      streamId: text,
      version: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      eventId: fc.uuid(),
      type: text,
      schema: fc.nat(),
      data: text,
      sealed: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
      metadata: text,
      recordedAt: fc.integer({ min: 0, max: 4e12 }),
      revocation: fc.option(fc.maxSafeNat()),
      hash: fc.constant(event.event.hash),
    });
    await fc.assert(
      fc.asyncProperty(any, async (one) => {
        const exported = { event: one, previousHash: event.previousHash };
        expect(await read(headerLine(header) + eventLine(exported))).toEqual([{ header }, exported]);
      }),
    );
  });

  const line = (change: object) =>
    headerLine(header) + `${JSON.stringify({ ...JSON.parse(eventLine(event)), ...change })}\n`;

  it.each([
    ['no header', eventLine(event), 'line 1 does not name the format'],
    ['another format', headerLine(header).replace('export/1', 'export/2'), 'line 1 does not name the format'],
    ['half a line', (headerLine(header) + eventLine(event)).slice(0, -1), 'line 2 was cut off'],
    ['no JSON', `${headerLine(header)}{\n`, 'line 2 is not JSON'],
    ['an empty line', `${headerLine(header)}\n`, 'line 2 is not JSON'],
    ['no object', `${headerLine(header)}[]\n`, 'line 2 is no object'],
    ['a position that is text', line({ position: '7' }), 'line 2 has no number as position'],
    ['a position beyond all numbers', line({ position: 2 ** 53 }), 'line 2 has no number as position'],
    ['a version beyond int4', line({ version: 2 ** 31 }), 'line 2 has no number as version'],
    ['data that is no text', line({ data: {} }), 'line 2 has no text as data'],
    ['an event id of other digits', line({ eventId: 'x' }), 'line 2 has no eventId that can be read'],
    ['base64 that is not exact', line({ sealed: 'a' }), 'line 2 has no sealed that can be read'],
    ['a short hash', line({ hash: '00' }), 'line 2 has no hash that can be read'],
    ['a time in seconds', line({ recordedAt: '2026-11-24T08:00:00Z' }), 'line 2 has no time in milliseconds'],
    ['an end without numbers', `${headerLine(header)}{"end":null}\n`, 'line 2 has no number as events'],
  ])('with %s is refused, and the line named', async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
