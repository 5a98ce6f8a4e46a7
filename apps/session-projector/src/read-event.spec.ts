import { describe, expect, it } from '@jest/globals';
import type { JsMsg } from '@nats-io/jetstream';
import { toMessage } from '#bus/envelope.js';
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

interface Sent {
  readonly event?: Partial<RecordedEvent>;
  readonly seq?: number;
  readonly body?: string;
  readonly without?: string;
}

function received({ event = {}, seq = 17, body, without }: Sent = {}): JsMsg {
  const message = toMessage({ ...recorded, ...event }, log, 'test');
  if (without) message.headers.delete(without);
  const json = () => JSON.parse(body ?? message.body) as unknown;
  return { seq, headers: message.headers, json } as unknown as JsMsg;
}

const fromBus = (sent?: Sent, of = log) => eventFromBus(received(sent), of);

const stop = (code: string) => expect.objectContaining({ name: 'ProjectionStop', code, position: 17 });

describe('an event from the bus', () => {
  it('is the one that the log has, without what is sealed', () => {
    const { sealed, ...fromLog } = eventFromLog(recorded);
    expect(sealed).toBe(recorded.sealed);
    expect(fromBus()).toEqual(fromLog);
    expect(fromBus()).toEqual({
      position: 17,
      eventId: recorded.eventId,
      streamId: 'account-alice',
      type: 'SessionExtended',
      data: { sessionId: 's1', expiresAt: '2026-11-24T20:00:00.000Z' },
      hash: recorded.hash,
    });
  });

  it.each<[string, Sent, typeof log]>([
    ['of another log', {}, { ...log, logId: '00000000-52a5-4c1e-9a53-6f2f0f6f9d11' }],
    ['of a later epoch', {}, { ...log, epoch: 1 }],
    ['that names no log', { without: 'Signoff-Log' }, log],
    ['without its hash', { without: 'Signoff-Hash' }, log],
    ['at another sequence than its position', { event: { position: 18 } }, log],
    ['that is not JSON', { body: 'sessions' }, log],
  ])('is foreign when it is a message %s', (_, sent, of) => {
    expect(() => fromBus(sent, of)).toThrow(stop('EVENT_FOREIGN'));
  });

  it('is waited for when it is a message of an earlier epoch: the stream will be built again', () => {
    expect(() => fromBus({}, { ...log, epoch: 3 })).toThrow(
      new FeedBroken('the stream is still that of epoch 2, the log goes on as 3'),
    );
  });

  it('is unknown when its schema is newer than this version', () => {
    expect(() => fromBus({ event: { schema: 2 } })).toThrow(stop('EVENT_UNKNOWN'));
  });
});

describe('an event from the log', () => {
  it.each([{ schema: 2 }, { type: 'SessionBorrowed' }])('is unknown with %j', (change) => {
    expect(() => eventFromLog({ ...recorded, ...change })).toThrow(stop('EVENT_UNKNOWN'));
  });
});
