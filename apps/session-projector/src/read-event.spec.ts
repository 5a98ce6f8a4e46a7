import { describe, expect, it } from '@jest/globals';
import type { JsMsg } from '@nats-io/jetstream';
import { type BusMessage, toMessage } from '#bus/envelope.js';
import type { RecordedEvent } from '#event-log/event.js';
import { FeedBroken } from './feed.js';
import { eventFromBus, eventFromLog } from './read-event.js';

const log = { logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11', epoch: 2 };

const recorded: RecordedEvent = {
  position: 17,
  streamId: 'account-alice',
  version: 3,
  eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001',
  type: 'SessionExtended',
  schema: 1,
  data: '{"sessionId":"s1","expiresAt":"2026-11-24T20:00:00.000Z"}',
  sealed: null,
  metadata: '{}',
  recordedAt: 1_795_600_000_123,
  revocation: null,
  hash: Buffer.alloc(32, 0xab),
};

const received = (change: (message: BusMessage) => unknown = () => undefined): JsMsg => {
  const message = { ...toMessage(recorded, log, 'test') };
  change(message);
  const { position: seq, subject, headers, body } = message;
  return { seq, subject, headers, string: () => body } as unknown as JsMsg;
};

const fromBus = (message = received(), of = log, event = recorded) => eventFromBus(message, event, of);

const stop = (code: string) => expect.objectContaining({ name: 'ProjectionStop', code, position: 17 });

describe('an event from the bus', () => {
  it('is the one that the log has', () => {
    expect(fromBus()).toEqual(eventFromLog(recorded));
    expect(fromBus()).toEqual({
      position: 17,
      eventId: recorded.eventId,
      streamId: 'account-alice',
      type: 'SessionExtended',
      data: { sessionId: 's1', expiresAt: '2026-11-24T20:00:00.000Z' },
      hash: recorded.hash,
      metadata: '{}',
      recordedAt: recorded.recordedAt,
    });
  });

  it.each<[string, JsMsg, typeof log]>([
    ['of another log', received(), { ...log, logId: '00000000-52a5-4c1e-9a53-6f2f0f6f9d11' }],
    ['of a later epoch', received(), { ...log, epoch: 1 }],
    ['that names no log', received(({ headers }) => headers.delete('Signoff-Log')), log],
    ['without its hash', received(({ headers }) => headers.delete('Signoff-Hash')), log],
    ['with another hash', received(({ headers }) => headers.set('Signoff-Hash', 'ac'.repeat(32))), log],
    ['with another body', received((message) => Object.assign(message, { body: '{"position":17}' })), log],
    [
      'on another subject',
      received((message) => Object.assign(message, { subject: 'sessions.revoked.19' })),
      log,
    ],
  ])('is foreign when it is a message %s', (_, message, of) => {
    expect(() => fromBus(message, of)).toThrow(stop('EVENT_FOREIGN'));
  });

  it('is foreign when the log has none there', () => {
    expect(() => eventFromBus(received(), undefined, log)).toThrow(stop('EVENT_FOREIGN'));
  });

  it('is waited for when it is a message of an earlier epoch: the stream will be built again', () => {
    expect(() => fromBus(received(), { ...log, epoch: 3 })).toThrow(
      new FeedBroken('the stream is still that of epoch 2, the log goes on as 3'),
    );
  });

  it('is unknown when its schema is newer than this version', () => {
    expect(() => fromBus(received(), log, { ...recorded, schema: 2 })).toThrow(stop('EVENT_UNKNOWN'));
  });
});

describe('an event from the log', () => {
  it.each([{ schema: 2 }, { type: 'SessionBorrowed' }])('is unknown with %j', (change) => {
    expect(() => eventFromLog({ ...recorded, ...change })).toThrow(stop('EVENT_UNKNOWN'));
  });
});
