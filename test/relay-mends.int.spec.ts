import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { STREAM } from '#bus/subjects.js';
import { readHead } from '#event-log/read.js';
import { deleteUnchanged } from '../apps/sessions-api/src/relay/align.js';
import { fillForged, type FORGERIES } from './harness/forged-stream.js';
import { MirroredLog } from './harness/mirrored-log.js';
import type { RunningRelay } from './harness/running-relay.js';
import { readStreamUpTo } from './harness/stream-reader.js';
import { until } from './harness/until.js';

let log: MirroredLog;

beforeEach(async () => {
  log = await MirroredLog.create();
});
afterEach(() => log.remove());

const publish = (count: number) =>
  log.onBus(async (connection) => {
    for (let i = 0; i < count; i++) await jetstream(connection).publish('sessions.issued.1', '{}');
  });

/** Records so many events, which get into the stream, and ends the relay again. */
async function mirrored(count: number, padding?: string): Promise<void> {
  const relay = await log.startRelay();
  await log.record(count, padding);
  if (count > 0) await log.expectMirror();
  else
    await until(
      () => log.streamState().catch(() => null),
      (state) => state !== null,
    );
  await relay.stop();
}

/** What the first relay to come says about the stream, after it has built it again. */
async function mended(relay?: RunningRelay) {
  const heard = await (relay ?? (await log.startRelay())).hears('relay.stream-damaged');
  const { position } = await readHead(log.pool);
  await until(
    () => log.streamState().catch(() => null),
    (state) => state?.messages === position && state.last_seq === position,
  );
  await log.record(20);
  await log.expectMirror();
  return heard;
}

describe('a hole in the stream', () => {
  const purge = () => log.onStream((streams) => streams.purge(STREAM, { filter: 'sessions.revoked.*' }));

  it('is named by the next leader, and the stream is built again under the same numbers', async () => {
    await mirrored(40);
    await purge();
    expect(await mended()).toMatchObject({ level: 50, damage: 'hole', missing: 13, first: 2, last: 40 });
  });

  it('is noticed by a relay that has nothing to do', async () => {
    const relay = await log.startRelay();
    await log.record(40);
    await log.expectMirror();
    await purge();
    expect(await mended(relay)).toMatchObject({ damage: 'hole', missing: 13 });
  });

  it('is mended though two relays find it at once', async () => {
    await mirrored(700);
    await purge();
    const relays = await Promise.all([log.startRelay(), log.startRelay()]);
    await Promise.race(relays.map((relay) => relay.hears('relay.stream-damaged')));
    await until(
      () => log.streamState().catch(() => null),
      (state) => state?.messages === 700,
    );
    await log.record(300);
    await log.expectMirror();
  });

  it('is noticed as well when a file of the store was lost', async () => {
    // A file holds 8 MB.
    await mirrored(200, ' '.repeat(100_000));
    await log.nats.stop();
    const folder = join(log.nats.storeDir, 'jetstream/$G/streams/SESSIONS/msgs');
    const blocks = (await readdir(folder)).filter((name) => name.endsWith('.blk'));
    expect(blocks.length).toBeGreaterThan(2);
    await rm(join(folder, '2.blk'));
    await log.nats.start();
    // nats-server 2.10 does not notice before somebody reads so far.
    await readStreamUpTo(log.nats.url, 200);
    expect(await mended()).toMatchObject({ damage: 'hole', last: 200 });
  });
});

describe('a stream that has lost the files that it writes to', () => {
  it('is built again: nats-server has made it while it still removed the one before', async () => {
    await mirrored(30);
    // It finds numbers, and no messages.
    await log.onStream((streams) => streams.purge(STREAM));
    await log.nats.stop();
    await log.nats.start();
    await rm(join(log.nats.storeDir, 'jetstream/$G/streams/SESSIONS'), { recursive: true });
    await log.record(30);
    expect(await mended()).toMatchObject({ level: 50, damage: 'files-lost', position: 30 });
  });
});

describe('messages at the end of the stream that no relay published', () => {
  it.each([
    [1, 0],
    [3, 0],
    [1, 30],
    [250, 30],
  ])(
    '%i behind a log of %i are named, and the stream is built again without them',
    async (foreign, events) => {
      await mirrored(events);
      await publish(foreign);
      expect(await mended()).toMatchObject({
        level: 50,
        damage: 'foreign',
        position: events + 1,
        messages: foreign,
      });
    },
  );

  it('are foreign as well when they are copies of messages that a relay published', async () => {
    await mirrored(30);
    await log.onBus(async (connection) => {
      const copied = await log.onStream((streams) => streams.getMessage(STREAM, { seq: 20 }));
      const { subject, data, header } = copied!;
      for (const name of header.keys()) if (name.startsWith('Nats-')) header.delete(name);
      await jetstream(connection).publish(subject, data, { headers: header });
    });
    expect(await mended()).toMatchObject({ damage: 'foreign', position: 31, messages: 1 });
  });

  it('are found when the relay publishes, if not before', async () => {
    const relay = await log.startRelay();
    await log.record(30);
    await log.expectMirror();
    await publish(2);
    await log.record(1);
    expect(await mended(relay)).toMatchObject({ damage: 'foreign', position: 31, messages: 2 });
  });

  it('do not have the stream deleted without end, if somebody goes on publishing', async () => {
    const relay = await log.startRelay();
    await log.record(1);
    await log.expectMirror();
    await publish(1);
    await log.record(1);
    await relay.hears('relay.stream-damaged');
    await log.expectMirror();
    const { created } = await log.onStream((streams) => streams.info(STREAM));
    await publish(1);
    await log.record(1);
    expect((await relay.hears('relay.degraded')).reason).toContain(
      'damaged: {"damage":"foreign","position":3',
    );
    expect((await log.onStream((streams) => streams.info(STREAM))).created).toBe(created);
    await until(
      () => log.onStream((streams) => streams.info(STREAM)).catch(() => null),
      (info) => info !== null && info.created !== created && info.state.last_seq === 3,
    );
    await log.expectMirror();
  });

  it('do not hide that the log was put back to an older copy', async () => {
    await mirrored(50);
    await publish(3);
    await log.putBackTo(30);
    const { err } = await (await log.startRelay()).hears('relay.refused');
    expect(err.message).toBe('the stream is at 50, the log at 30');
    expect(await log.streamState()).toMatchObject({ messages: 53, last_seq: 53 });
  });
});

describe('a damaged stream that somebody else has built again since it was looked at', () => {
  it('is not deleted', async () => {
    await mirrored(30);
    await publish(1);
    await log.onBus(async (connection) => {
      const manager = await jetstreamManager(connection);
      const examined = await manager.streams.info(STREAM);
      await mended();
      expect(await deleteUnchanged(manager, examined)).toBe(false);
      await log.expectMirror();
      expect(await deleteUnchanged(manager, await manager.streams.info(STREAM))).toBe(true);
    });
  });
});

describe('a message that no relay published, where the stream should have another,', () => {
  it.each<[string, keyof typeof FORGERIES, number]>([
    ['in the middle', 'another body under the right headers', 17],
    ['in the middle', 'another hash', 17],
    ['in the middle', 'another subject', 17],
    ['at the end', 'another body under the right headers', 30],
  ])('%s is found where the projector stands before it: it has %s', async (_, forgery, position) => {
    await mirrored(30);
    await log.onBus((connection) => fillForged(connection, log.pool, position, forgery));
    await log.asOwner(`INSERT INTO read_model.checkpoint (projection, log_id, epoch, position, hash)
      SELECT 'sessions', head.log_id, epoch, event.position, event.hash FROM event_log.head, event_log.event
      WHERE event.position = ${position - 1}`);
    expect(await mended()).toMatchObject({ damage: 'foreign', position, messages: 1 });
  });
});

describe('a log that was put back while the relay follows it', () => {
  it('gets none of its new events into the stream of what it has lost', async () => {
    const relay = await log.startRelay();
    await log.record(50);
    await log.expectMirror();
    await log.putBackTo(30);
    await log.record(40);
    // Which one depends on how far the log had come when the relay looked.
    expect((await relay.hears('relay.refused')).reason).toMatch(/^STREAM_(AHEAD_OF|DIFFERS_FROM)_LOG$/);
    expect(await log.streamState()).toMatchObject({ messages: 50, last_seq: 50 });
  });
});

describe('a new epoch of the log', () => {
  const begin = (epoch: number) => log.asOwner(`UPDATE event_log.head SET epoch = ${epoch}`);

  it.each([
    ['that is behind the stream', 0],
    ['that has grown past the stream', 40],
  ])('has the stream built again, after a log was put back %s', async (_, more) => {
    await mirrored(50);
    await log.putBackTo(30);
    await log.record(more);
    await begin(2);
    const relay = await log.startRelay();
    expect(await relay.hears('relay.epoch-began')).toMatchObject({ level: 40, epoch: 1, position: 50 });
    await until(
      () => log.streamState().catch(() => null),
      (state) => state?.last_seq === 30 + more,
    );
    await log.record(5);
    await log.expectMirror();
    expect(relay.said).not.toContain('relay.refused');
  });

  it('is noticed by a relay that had refused the stream', async () => {
    await mirrored(50);
    await log.putBackTo(30);
    const relay = await log.startRelay();
    await relay.hears('relay.refused');
    await begin(2);
    await relay.hears('relay.epoch-began');
    await log.expectMirror();
  });

  it('is noticed by a relay that follows', async () => {
    const relay = await log.startRelay();
    await log.record(30);
    await log.expectMirror();
    await begin(2);
    await relay.hears('relay.epoch-began');
    await log.expectMirror();
    await log.record(5);
    await log.expectMirror();
  });

  it('that the stream knows, and the log does not, is refused', async () => {
    await begin(2);
    await mirrored(30);
    await begin(1);
    const { reason, err } = await (await log.startRelay()).hears('relay.refused');
    expect(reason).toBe('STREAM_DIFFERS_FROM_LOG');
    expect(err.message).toMatch(/^at 30 the bus has [0-9a-f-]+\/2 .*, the log at 30 has [0-9a-f-]+\/1 /);
    expect(await log.streamState()).toMatchObject({ messages: 30, last_seq: 30 });
  });

  it('does not need the checkpoint that the projector had in the one before', async () => {
    await mirrored(30);
    await log.asOwner(`INSERT INTO read_model.checkpoint (projection, log_id, epoch, position, hash)
      SELECT 'sessions', log_id, epoch, position, hash FROM event_log.head`);
    await log.onStream((streams) => streams.purge(STREAM));
    await begin(2);
    const relay = await log.startRelay();
    await log.record(1);
    await until(log.streamState.bind(log), ({ last_seq }) => last_seq === 31);
    expect(relay.said).not.toContain('relay.refused');
  });
});
