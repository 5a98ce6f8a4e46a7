import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GENESIS_HASH, hashEvent } from '#event-log/hash-chain.js';
import type { RecordedEvent } from '#event-log/event.js';
import { exported } from '../harness/exported.js';
import { until } from '../harness/until.js';
import { signoff, startSignoff } from './harness/signoff.js';

const LOG_ID = '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12';
const EVENTS = 200;
const TABLE = 'position,type\r\n1,"ü\nquoted"\r\n';

function log(): RecordedEvent[] {
  let hash: Buffer = GENESIS_HASH;
  return Array.from({ length: EVENTS }, (_, i) => {
    const event = {
      position: i + 1,
      streamId: 'account-ada',
      version: i + 1,
      eventId: `5f1d7e84-3f0a-4a53-8f0b-2f9be3a0${String(i).padStart(4, '0')}`,
      type: 'SessionIssued',
      schema: 1,
      data: '{"text":"ü€🦊"}',
      sealed: null,
      metadata: '{}',
      recordedAt: 1_795_600_000_000,
      revocation: null,
    };
    hash = hashEvent(LOG_ID, hash, event);
    return { ...event, hash };
  });
}

/** Cuts connections where a test says so, which the API would not do: what it sends is an export as the API sends it. */
let server: Server;
let asked: URLSearchParams[];
/** After so many bytes the connection is lost (of the first request only), or nothing more comes. */
let cutAfter: number | undefined;
let hangAfter: number | undefined;
let epoch: number;
let folder: string;
let variables: Record<string, string>;
const events = log();
const whole = exported({ logId: LOG_ID, epoch: 1, after: 0, filter: null }, events).join('');

beforeAll(async () => {
  server = createServer((request, response) => {
    const query = new URL(request.url!, 'http://x').searchParams;
    asked.push(query);
    const after = Number(query.get('after') ?? 0);
    const accountId = query.get('accountId');
    const filter = accountId === null ? null : { accountId };
    const lines = exported({ logId: LOG_ID, epoch, after, filter }, events).join('');
    const text = Buffer.from(query.get('format') === 'csv' ? TABLE : lines);
    const length = hangAfter ?? cutAfter ?? text.length;
    const isCut = cutAfter !== undefined;
    cutAfter = undefined;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(text.subarray(0, length), () => {
      if (hangAfter !== undefined) return;
      if (isCut) response.destroy();
      else response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  variables = {
    SIGNOFF_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    SIGNOFF_KEY: 'key',
  };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  [asked, cutAfter, hangAfter, epoch] = [[], undefined, undefined, 1];
  folder = await mkdtemp(join(tmpdir(), 'signoff-export-'));
});
afterEach(() => rm(folder, { recursive: true }));

const file = () => join(folder, 'trail.ndjson');
const toFile = (...args: string[]) => signoff(['export', '--output', file(), ...args], variables);
const written = () => readFile(file(), 'utf8');

describe('signoff export', () => {
  it('writes what the API sends to standard output, or to a file', async () => {
    expect(await signoff(['export'], variables)).toEqual({ exit: 0, out: whole, err: '' });
    expect(await toFile()).toEqual({ exit: 0, out: '', err: `${EVENTS} events are in ${file()}\n` });
    expect(await written()).toBe(whole);
    expect(await signoff(['verify', '--export', file()])).toMatchObject({ exit: 0 });
  });

  it('asks for what it was asked for', async () => {
    await toFile('--after', '150');
    expect(Object.fromEntries(asked[0]!)).toEqual({ after: '150' });
    const { exit, out } = await signoff(['verify', '--export', file()]);
    expect([exit, out]).toEqual([
      0,
      expect.stringContaining('not checked: what stands in the log up to position 150'),
    ]);
  });

  it('asks for what it is told alone, and goes on with that', async () => {
    cutAfter = 20_011;
    await toFile('--account', 'ada');
    expect(await toFile('--resume', '--account', 'bob')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('give nothing of it again'),
    });
    expect(await toFile('--resume')).toMatchObject({ exit: 0 });
    expect(asked.map((query) => query.get('accountId'))).toEqual(['ada', 'ada']);
    expect(await signoff(['verify', '--export', file()])).toMatchObject({ exit: 0 });
  });

  it('writes over no file', async () => {
    await writeFile(file(), 'precious');
    expect(await toFile()).toMatchObject({
      exit: 1,
      err: `${file()} exists already; --resume goes on with it\n`,
    });
    expect(await written()).toBe('precious');
    expect(await toFile('--resume')).toMatchObject({ exit: 1 });
    expect(await written()).toBe('precious');
  });

  it.each([
    ['in the midst of a line', 20_011],
    ['right behind the first', whole.indexOf('\n') + 1],
    ['before the last', Buffer.byteLength(whole.slice(0, whole.lastIndexOf('{"end"')))],
  ])('says when it was cut off, and goes on from there as if it had not been: %s', async (_, bytes) => {
    cutAfter = bytes;
    expect(await toFile()).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/^the export was cut off behind \d+ events; --resume goes on with it\n$/),
    });
    const part = await written();
    expect(whole.startsWith(part)).toBe(true);
    expect(await signoff(['verify', '--export', file()])).toMatchObject({ exit: 1 });
    // As a process leaves it that was killed while it wrote.
    await writeFile(file(), `${part}{"position":9`);
    expect(await toFile('--resume', '--json')).toEqual({
      exit: 0,
      out: `${JSON.stringify({ data: { events: EVENTS, output: file() } })}\n`,
      err: '',
    });
    expect(await written()).toBe(whole);
    expect(await signoff(['verify', '--export', file()])).toMatchObject({ exit: 0 });
  });

  it('goes on with nothing that is whole, or of another log', async () => {
    await toFile();
    expect(await toFile('--resume')).toMatchObject({ exit: 0, err: `${EVENTS} events are in ${file()}\n` });
    expect(asked).toHaveLength(1);
    await writeFile(file(), whole.slice(0, 20_011));
    expect(await toFile('--resume', '--after', '3')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('without --after'),
    });
    epoch = 2;
    expect(await toFile('--resume')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('begin it anew'),
    });
  });

  it('writes a table as it comes, says when it was cut off, and cannot go on with one', async () => {
    const csv = ['--format', 'csv'];
    expect(await signoff(['export', ...csv, '--account', 'ada'], variables)).toEqual({
      exit: 0,
      out: TABLE,
      err: '',
    });
    expect(Object.fromEntries(asked[0]!)).toEqual({ accountId: 'ada', format: 'csv' });
    expect(await toFile(...csv)).toEqual({ exit: 0, out: '', err: `the table is in ${file()}\n` });
    expect(await written()).toBe(TABLE);
    expect(await toFile(...csv)).toMatchObject({ exit: 1, err: `${file()} exists already\n` });
    await rm(file());
    hangAfter = 20;
    const cut = startSignoff(['export', '--output', file(), ...csv], variables);
    const part = Buffer.from(TABLE).subarray(0, hangAfter).toString();
    await until(
      () => written().catch(() => undefined),
      (text) => text === part,
    );
    server.closeAllConnections();
    expect(await cut.ended).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/^the export was cut off/),
    });
    expect(await written()).toBe(part);
    expect(await toFile(...csv, '--resume')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('--resume needs lines of JSON'),
    });
    expect(await toFile('--format', 'xml')).toMatchObject({ exit: 2 });
  });

  it('ends with 130 at Ctrl-C, and without a word when nobody reads on', async () => {
    hangAfter = 20_000;
    const stopped = startSignoff(['export'], variables);
    await once(stopped.child.stdout, 'data');
    stopped.child.kill('SIGINT');
    expect(await stopped.ended).toMatchObject({ exit: 130, err: '' });

    hangAfter = undefined;
    const unread = startSignoff(['export'], variables);
    unread.child.stdout.destroy();
    expect(await unread.ended).toEqual({ exit: 141, out: '', err: '' });
    await until(
      () => asked.length,
      (questions) => questions === 2,
    );
  });
});
