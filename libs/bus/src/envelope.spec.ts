import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '#event-log/event.js';
import { toMessage, type Envelope } from './envelope.js';

const log = { logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11', epoch: 2 };
const SOURCE = 'https://signoff.example/log';

const event: RecordedEvent = {
  position: 17,
  streamId: 'account-alice',
  version: 3,
  eventId: '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001',
  type: 'SessionRevoked',
  schema: 1,
  data: '{ "b": 1,\t"a":2.50, "é":"\\u00e9🦊", "a":3 }',
  sealed: Buffer.from('203.0.113.9'),
  metadata: '{"actor" : "key_1"}',
  recordedAt: 1_795_600_000_123,
  revocation: 4,
  hash: Buffer.alloc(32, 0xab),
};

const messageOf = (change: Partial<RecordedEvent> = {}) => toMessage({ ...event, ...change }, log, SOURCE);
const bodyOf = (change: Partial<RecordedEvent> = {}) => JSON.parse(messageOf(change).body) as Envelope;
const headersOf = (change: Partial<RecordedEvent> = {}) =>
  Object.fromEntries([...messageOf(change).headers].map(([name, values]) => [name, values.join()]));

describe('a message of the bus', () => {
  it('is for the sequence and the subject of its event', () => {
    expect(messageOf()).toMatchObject({ position: 17, subject: 'sessions.revoked.19' });
  });

  it('has data and metadata byte for byte as in the log', () => {
    expect(messageOf().body).toBe(
      '{"id":"5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001","type":"SessionRevoked","schema":1,"position":17,"version":3,' +
        '"revocation":4,"streamId":"account-alice","accountId":"alice",' +
        '"data":{ "b": 1,\t"a":2.50, "é":"\\u00e9🦊", "a":3 },"metadata":{"actor" : "key_1"},' +
        '"recordedAt":"2026-11-25T09:46:40.123Z"}',
    );
  });

  it('is JSON whatever the account is called', () => {
    const streamId = 'account-"quoted" \\ 🦊';
    expect(bodyOf({ streamId })).toMatchObject({ streamId, accountId: '"quoted" \\ 🦊' });
  });

  it('has no account for the stream of a key, and no number for what is no revocation', () => {
    expect(bodyOf({ streamId: 'key-1', type: 'ApiKeyRevoked', revocation: null })).toMatchObject({
      accountId: null,
      revocation: null,
    });
  });

  it('says nothing of what is sealed', () => {
    const { body, headers } = messageOf();
    for (const trace of [
      'sealed',
      '203.0.113.9',
      event.sealed!.toString('hex'),
      event.sealed!.toString('base64'),
    ]) {
      expect(body + JSON.stringify([...headers])).not.toContain(trace);
    }
  });

  it('carries the headers of CloudEvents 1.0, the identity of the log and the hash of the event', () => {
    expect(headersOf()).toEqual({
      'ce-specversion': '1.0',
      'ce-id': event.eventId,
      'ce-type': 'signoff.session.revoked.v1',
      'ce-source': SOURCE,
      'ce-time': '2026-11-25T09:46:40.123Z',
      'ce-subject': 'alice',
      'ce-datacontenttype': 'application/json',
      'Signoff-Log': '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11/2',
      'Signoff-Hash': 'ab'.repeat(32),
    });
  });

  it('percent-encodes the subject, since a header is ASCII', () => {
    expect(headersOf({ streamId: 'account-Жанна / 100%' })['ce-subject']).toBe(
      '%D0%96%D0%B0%D0%BD%D0%BD%D0%B0%20%2F%20100%25',
    );
    expect(headersOf({ streamId: 'key-1', type: 'ApiKeyRevoked' })['ce-subject']).toBe('key-1');
  });

  it('names the schema in its type', () => {
    expect(headersOf({ schema: 3 })['ce-type']).toBe('signoff.session.revoked.v3');
  });
});
