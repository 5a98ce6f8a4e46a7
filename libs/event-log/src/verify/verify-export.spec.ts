import { beforeEach, describe, expect, it } from '@jest/globals';
import { checkpointSigner } from '../../../../test/harness/checkpoint-signer.js';
import type { RecordedEvent } from '../event.js';
import { checkpointLine, endLine, eventLine, type ExportHeader, headerLine } from '../export-format.js';
import { GENESIS_HASH, hashEvent } from '../hash-chain.js';
import type { VerifyOptions } from './verification.js';
import { verifyExport } from './verify-export.js';

const LOG_ID = '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12';
const EVENTS = 20;
const signer = checkpointSigner(LOG_ID);

/** A log without a database: two streams in turn, every fourth event a revocation. */
function chained(change: (event: Omit<RecordedEvent, 'hash'>) => object = () => ({})): RecordedEvent[] {
  let hash: Buffer = GENESIS_HASH;
  return Array.from({ length: EVENTS }, (_, i) => {
    const isRevocation = i % 4 === 3;
    const recorded = {
      position: i + 1,
      streamId: `account-${i % 2}`,
      version: Math.floor(i / 2) + 1,
      eventId: `5f1d7e84-3f0a-4a53-8f0b-2f9be3a0${String(i).padStart(4, '0')}`,
      type: isRevocation ? 'SessionRevoked' : 'SessionIssued',
      schema: 1,
      data: `{"i":${i}}`,
      sealed: i % 3 === 0 ? Buffer.from(`sealed ${i}`) : null,
      metadata: '{}',
      recordedAt: 1_795_600_000_000 + i,
      revocation: isRevocation ? (i + 1) / 4 : null,
    };
    const event = { ...recorded, ...change(recorded) };
    hash = hashEvent(LOG_ID, hash, event);
    return { ...event, hash };
  });
}

const header: ExportHeader = { logId: LOG_ID, epoch: 1, after: 0, filter: null };
const checkpointAt = (events: readonly RecordedEvent[], position: number) =>
  signer.sign({
    logId: LOG_ID,
    epoch: 1,
    position,
    hash: events[position - 1]!.hash,
    madeAt: 1_795_600_000_999,
  });

/** Line 1 is the header, line p + 1 the event at position p, the last one the end. */
const exported = (events: readonly RecordedEvent[], all = events, as = header) => [
  headerLine(as),
  ...events.map((event) =>
    eventLine({ event, previousHash: all[event.position - 2]?.hash ?? GENESIS_HASH, entry: { read: 'me' } }),
  ),
  endLine({ events: events.length, position: EVENTS }),
];

const log = chained();
let lines: string[];
beforeEach(() => {
  lines = exported(log);
});

async function* chunks(text: string) {
  for (let at = 0; at < text.length; at += 1_000) yield text.slice(at, at + 1_000);
}
const verify = (options?: VerifyOptions) => verifyExport(chunks(lines.join('')), options);
const first = async (options?: VerifyOptions) => {
  const { findings } = await verify(options);
  return findings[0] ? [findings[0].position, findings[0].check, findings[0].message] : 'nothing';
};
const change = (position: number, fields: object) => {
  lines[position] = `${JSON.stringify({ ...JSON.parse(lines[position]!), ...fields })}\n`;
};
const elsewhere = (...notes: string[]): VerifyOptions => ({
  checkpoints: notes.map((note, i) => ({ note, from: `kept ${i + 1}` })),
  keys: [signer.verifier],
});

describe('an export that nobody has touched', () => {
  it('is whole, and agrees with the checkpoints in it and elsewhere', async () => {
    lines.splice(11, 0, checkpointLine(checkpointAt(log, 10)));
    expect(await verify(elsewhere(checkpointAt(log, 7), checkpointAt(log, EVENTS)))).toEqual({
      logId: LOG_ID,
      epoch: 1,
      events: EVENTS,
      position: EVENTS,
      findings: [],
      findingCount: 0,
      keptCheckpoints: { agreed: 2, newest: EVENTS },
      storedCheckpoints: { agreed: 1, newest: 10 },
      unchecked: ['"entry" in the lines: it is there to be read, and no hash covers it'],
    });
  });

  it('of an empty log is whole', async () => {
    lines = [headerLine(header), endLine({ events: 0, position: 0 })];
    const note = signer.sign({ logId: LOG_ID, epoch: 1, position: 0, hash: GENESIS_HASH, madeAt: 0 });
    expect(await verify(elsewhere(note))).toMatchObject({
      findings: [],
      events: 0,
      keptCheckpoints: { agreed: 1 },
    });
  });

  it('that begins behind a position is whole from there, and says what it cannot show', async () => {
    lines = exported(log.slice(12), log, { ...header, after: 12 });
    const found = await verify(elsewhere(checkpointAt(log, 3), checkpointAt(log, 12), checkpointAt(log, 15)));
    expect(found).toMatchObject({ findings: [], events: 8, keptCheckpoints: { agreed: 2, newest: 15 } });
    expect(found.unchecked).toEqual([
      'what stands in the log up to position 12: the export begins behind it',
      '1 checkpoints: the export does not have the events that they are of',
      '"entry" in the lines: it is there to be read, and no hash covers it',
    ]);
  });

  it('with a filter has each event checked by itself, and says what that cannot show', async () => {
    lines = exported([log[3]!, log[7]!, log[8]!], log, { ...header, filter: { accountId: 'ada' } });
    const found = await verify(elsewhere(checkpointAt(log, 5), checkpointAt(log, 8)));
    expect(found).toMatchObject({ findings: [], events: 3, keptCheckpoints: { agreed: 1, newest: 8 } });
    expect(found.unchecked).toEqual([
      'whether events are missing, and versions, revocation numbers and times: the export has only what was asked for ({"accountId":"ada"})',
      '1 checkpoints: the export does not have the events that they are of',
      '"entry" in the lines: it is there to be read, and no hash covers it',
    ]);
  });

  it('says that it does not know who signed, when no key was given', async () => {
    lines.splice(11, 0, checkpointLine(checkpointAt(log, 10)));
    expect((await verify()).unchecked).toContain(
      'who signed the checkpoints in the export: no key was given',
    );
  });
});

describe('an export of which a field is another', () => {
  const other = {
    streamId: 'account-x',
    version: 999,
    eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0ffff',
    type: 'SessionRevokee',
    schema: 2,
    data: '{"i": 7}',
    sealed: null,
    metadata: '{ }',
    recordedAt: '2026-11-25T12:26:40.008Z',
    revocation: 3,
    hash: 'ab'.repeat(32),
  };
  it.each(Object.entries(other))('is found by its position: %s', async (field, value) => {
    const sealedToo = 13;
    change(sealedToo, { [field]: value });
    expect(await first()).toEqual([sealedToo, 'hash', expect.stringMatching(/^its hash/)]);
    lines = exported([log[sealedToo - 1]!], log, { ...header, filter: {} });
    change(1, { [field]: value });
    expect(await first()).toEqual([
      sealedToo,
      'hash',
      'its hash is not that of its columns and of previousHash',
    ]);
  });

  it('is found by its position: position', async () => {
    change(13, { position: 130 });
    expect(await first()).toEqual([13, 'position', expect.stringMatching(/^is missing/)]);
  });

  it('is found by its position: previousHash', async () => {
    change(13, { previousHash: 'ab'.repeat(32) });
    expect(await first()).toEqual([13, 'hash', 'its previousHash is not the hash of the event at 12']);
  });

  it('is found though everything behind it was made to fit, by a checkpoint alone', async () => {
    const forged = chained(({ position }) => (position === 5 ? { data: '{}' } : {}));
    lines = exported(forged);
    expect(await first()).toBe('nothing');
    expect(await first(elsewhere(checkpointAt(log, 4), checkpointAt(log, 9)))).toEqual([
      9,
      'checkpoint',
      expect.stringContaining('has another hash: the log was rewritten somewhere from 5 to 9'),
    ]);
  });

  it('is found by a checkpoint that stands in it', async () => {
    lines = exported(chained(({ position }) => (position === 5 ? { data: '{}' } : {})));
    lines.splice(11, 0, checkpointLine(checkpointAt(log, 10)));
    expect(await first({ keys: [signer.verifier] })).toEqual([
      10,
      'checkpoint',
      expect.stringContaining('(the export) has another hash'),
    ]);
  });
});

describe('an export of which lines are missing, too many or elsewhere', () => {
  it('is found where one is missing', async () => {
    lines.splice(9, 1);
    expect(await first()).toEqual([9, 'position', expect.stringMatching(/^is missing; whether 10/)]);
  });

  it('is found where one is there twice', async () => {
    lines.splice(9, 0, lines[9]!);
    expect(await first()).toEqual([9, 'position', expect.stringContaining('it is there twice')]);
  });

  it('is found where two have changed places', async () => {
    lines.splice(9, 2, lines[10]!, lines[9]!);
    expect(await first()).toEqual([9, 'position', expect.stringMatching(/^is missing/)]);
    lines = exported([log[5]!, log[2]!], log, { ...header, filter: {} });
    expect(await first()).toEqual([3, 'position', 'stands behind 6: it was moved']);
  });

  it.each([
    ['behind a line', (text: string) => text.split('\n').slice(0, 10).join('\n') + '\n'],
    ['in the midst of one', (text: string) => text.split('\n').slice(0, 10).join('\n') + '\n{"posi'],
  ])('is found where it was cut off %s', async (_, cut) => {
    lines = [cut(lines.join(''))];
    expect(await first()).toEqual([
      10,
      'export',
      expect.stringMatching(/cut off here: its last line is missing$|damaged here: line 11 was cut off$/),
    ]);
  });

  it('is found where its end was cut off, and the last line made to say less', async () => {
    lines = exported(log.slice(0, 15));
    expect(await first()).toEqual([
      16,
      'export',
      `the export says that it ends at ${EVENTS}, its last event is at 15`,
    ]);
    lines.splice(-1, 1, endLine({ events: 15, position: 15 }));
    expect(await first()).toBe('nothing');
    expect(await first(elsewhere(checkpointAt(log, 18)))).toEqual([
      16,
      'checkpoint',
      expect.stringContaining('says that the log had come to 18'),
    ]);
  });

  it('is found where the last line counts wrong, or something comes behind it', async () => {
    lines.splice(-1, 1, endLine({ events: 3, position: EVENTS }));
    expect(await first()).toEqual([
      null,
      'export',
      `the export says that it has 3 events, and has ${EVENTS}`,
    ]);
    lines = [...exported(log), lines[3]!];
    expect(await first()).toEqual([EVENTS + 1, 'export', expect.stringContaining('behind its last line')]);
  });

  it('is found where a line is none, which is named', async () => {
    lines[9] = 'not json\n';
    expect(await first()).toEqual([9, 'export', 'the export is damaged here: line 10 is not JSON']);
  });

  it('is no export without its first line, or with nothing in it', async () => {
    lines.shift();
    await expect(verify()).rejects.toThrow('line 1 does not name the format');
    lines = [];
    await expect(verify()).rejects.toThrow('there is nothing in it');
  });
});
