import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { STREAM } from '#bus/subjects.js';
import { readForward } from '#event-log/read.js';
import { createDatabase } from './harness/database.js';
import { MirroredLog } from './harness/mirrored-log.js';
import type { RunningRelay } from './harness/running-relay.js';
import { readStreamUpTo } from './harness/stream-reader.js';

let log: MirroredLog;

beforeEach(async () => {
  log = await MirroredLog.create();
});
afterEach(() => log.remove());

describe('the relay', () => {
  it('carries what was recorded before it came, and what is recorded later', async () => {
    await log.record(1_200);
    await log.startRelay();
    await log.expectMirror();
    await log.record(300);
    await log.expectMirror();
    await log.record(1);
    await log.expectMirror();
  });

  it('goes on where the one before it stopped', async () => {
    const first = await log.startRelay();
    await log.record(200);
    await log.expectMirror();
    await first.stop();
    await log.record(200);
    await log.startRelay();
    await log.expectMirror();
  });

  it('does not mind that others relay as well', async () => {
    await Promise.all([log.startRelay(), log.startRelay(), log.startRelay()]);
    for (let round = 0; round < 20; round++) await log.record(100);
    await log.expectMirror();
  });
});

describe('a nats-server that goes away', () => {
  it('delays what is recorded meanwhile, and nothing more', async () => {
    await log.startRelay();
    await log.record(10);
    await log.expectMirror();
    const recording = log.record(3_000);
    await log.nats.stop();
    await recording;
    await log.record(100);
    await log.nats.start();
    await log.expectMirror();
  });

  it('and comes back an hour older is brought up to date under the same numbers', async () => {
    await log.record(100);
    const relay = await log.startRelay();
    await log.expectMirror();
    const copy = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'copy-'));
    await log.nats.stop();
    await cp(log.nats.storeDir, copy, { recursive: true });
    await log.nats.start();
    await log.record(150);
    await log.expectMirror();

    await log.nats.stop();
    await rm(join(log.nats.storeDir, 'jetstream'), { recursive: true });
    await cp(join(copy, 'jetstream'), join(log.nats.storeDir, 'jetstream'), { recursive: true });
    await log.nats.start();
    expect(await log.streamState()).toMatchObject({ last_seq: 100 });
    await log.record(50);
    await log.expectMirror();
    expect(relay.said).not.toContain('relay.refused');
  });

  it('and comes back empty is filled again under the same numbers', async () => {
    await log.startRelay();
    await log.record(700);
    await log.expectMirror();
    await log.nats.stop();
    await rm(join(log.nats.storeDir, 'jetstream'), { recursive: true });
    await log.nats.start();
    await log.record(1);
    await log.expectMirror();
  });
});

describe('a stream that was deleted', () => {
  it('is created and filled again under the same numbers', async () => {
    await log.startRelay();
    await log.record(700);
    await log.expectMirror();
    await log.onStream((streams) => streams.delete(STREAM));
    await log.record(1);
    await log.expectMirror();
  });
});

describe('a stream that is created when part of the log has aged out', () => {
  const age = (upTo: number) =>
    log.asOwner(`
      ALTER TABLE event_log.event DISABLE TRIGGER event_is_append_only;
      UPDATE event_log.event SET recorded_at = recorded_at - interval '101 days' WHERE position <= ${upTo};
      ALTER TABLE event_log.event ENABLE TRIGGER event_is_append_only`);
  /** nats-server 2.9 can only begin at 1. */
  const begins = (position: number) =>
    log.onBus(({ info }) => Promise.resolve(info!.version.startsWith('2.9.') ? 1 : position));

  it.each([20, 30])(
    'of %i events out of 30 begins behind them, under the numbers of the log',
    async (aged) => {
      await log.record(30);
      await age(aged);
      await log.startRelay();
      await log.record(10);
      const messages = await readStreamUpTo(log.nats.url, 40);
      const events = await readForward(log.pool, 0, 100);
      const first = await begins(aged + 1);
      expect(messages.map(({ seq, headers }) => [seq, headers['ce-id']])).toEqual(
        events.slice(first - 1).map(({ position, eventId }) => [position, eventId]),
      );
      expect(messages[0]!.seq).toBe(first);
    },
  );
});

describe('a log that was put back to an older copy', () => {
  let relay: RunningRelay;

  beforeEach(async () => {
    await log.record(30);
    const older = await log.copy();
    relay = await log.startRelay();
    await log.record(20);
    await log.expectMirror();
    await relay.stop();
    await log.replaceBy(older);
  });

  it('is refused, with both positions named, and nothing is published', async () => {
    relay = await log.startRelay();
    const { reason, err } = await relay.hears('relay.refused');
    expect(reason).toBe('STREAM_AHEAD_OF_LOG');
    expect(err.message).toBe('the stream is at 50, the log at 30');
    expect(relay.status).toEqual({ state: 'refused', reason: 'STREAM_AHEAD_OF_LOG' });
    await log.record(1);
    expect(await log.streamState()).toMatchObject({ messages: 50, last_seq: 50 });
  });

  it('is refused as well when it has grown past the stream with other events', async () => {
    await log.record(40);
    const { hash } = (await readForward(log.pool, 49, 1))[0]!;
    relay = await log.startRelay();
    const { reason, err } = await relay.hears('relay.refused');
    expect(reason).toBe('STREAM_DIFFERS_FROM_LOG');
    expect(err.message).toMatch(/^at 50 the bus has .*, the log at 70 has /);
    expect(err.message).toContain(hash.toString('hex'));
    expect(await log.streamState()).toMatchObject({ messages: 50, last_seq: 50 });
  });
});

describe('a stream of another log', () => {
  it('is refused, and nothing is published', async () => {
    const relay = await log.startRelay();
    await log.record(10);
    await log.expectMirror();
    await relay.stop();
    await log.replaceBy(await createDatabase());
    await log.record(20);
    const other = await log.startRelay();
    expect((await other.hears('relay.refused')).reason).toBe('STREAM_DIFFERS_FROM_LOG');
    expect(await log.streamState()).toMatchObject({ messages: 10, last_seq: 10 });
  });
});
