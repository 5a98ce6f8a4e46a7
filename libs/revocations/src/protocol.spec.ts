import { describe, expect, it } from '@jest/globals';
import { ProtocolError, readHead, readMessage, readPage } from './protocol.js';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const head = {
  logId: 'dfd7ac18-b56c-45e5-a6c0-1b198c1ad751',
  epoch: 1,
  position: 9,
  revocations: 3,
  revocationsFloor: 1,
  nonce: 'n',
  registered: 'b',
  time: '2026-11-24T08:00:00.000Z',
};
const one = {
  revocation: 2,
  position: 8,
  sessionId: 'session_7gfiSJW7S0Pn7sLHvPVYnh',
  credentialsExpireAt: '2027-01-23T09:14:53.000Z',
};
const page = { logId: head.logId, epoch: 1, revocations: [one] };
const { sessionId, credentialsExpireAt } = one;
const event = {
  type: 'SessionRevoked',
  revocation: 2,
  position: 8,
  data: { sessionId, credentialsExpireAt },
};
const log = `${head.logId}/1`;

describe('an answer about the head', () => {
  it('is taken as it is', () => {
    expect(readHead(bytes(head), 'n', 'b')).toMatchObject({ revocations: 3, time: Date.parse(head.time) });
  });

  it.each([
    ['to another question', { ...head, nonce: 'm' }],
    ['without nonce', { ...head, nonce: undefined }],
    ['that does not register who asked', { ...head, registered: undefined }],
    ['that registers somebody else', { ...head, registered: 'c' }],
    ['with a floor above the newest', { ...head, revocationsFloor: 4 }],
    ['with a count that is none', { ...head, revocations: '3' }],
    ['with a negative count', { ...head, revocations: -1 }],
    ['without log', { ...head, logId: '' }],
    ['without time', { ...head, time: 'now' }],
    ['that is a refusal', { error: { code: 'INPUT_INVALID', message: 'no' } }],
    ['that is no object', null],
    ['that is no JSON', '{'],
  ])('%s is not taken', (_, answer) => {
    expect(() => readHead(bytes(answer), 'n', 'b')).toThrow(ProtocolError);
  });
});

describe('a page', () => {
  it('is taken as it is', () => {
    expect(readPage(bytes(page))).toEqual(page);
  });

  it.each([
    ['without revocations', { ...page, revocations: undefined }],
    ['with a revocation that is none', { ...page, revocations: [null] }],
    ['with number 0', { ...page, revocations: [{ ...one, revocation: 0 }] }],
    ['with a session that is none', { ...page, revocations: [{ ...one, sessionId: 'session_' }] }],
    ['with a time that is none', { ...page, revocations: [{ ...one, credentialsExpireAt: 'soon' }] }],
  ])('%s is not taken', (_, answer) => {
    expect(() => readPage(bytes(answer))).toThrow(ProtocolError);
  });
});

describe('a message of the stream', () => {
  it('is taken with the log that its header names', () => {
    expect(readMessage(bytes(event), log)).toEqual({ log: { logId: head.logId, epoch: 1 }, ...one });
  });

  it.each([
    ['of another type', { ...event, type: 'SessionIssued' }, log],
    ['without its number', { ...event, revocation: null }, log],
    ['without data', { ...event, data: undefined }, log],
    ['without the log', event, undefined],
    ['without the epoch', event, head.logId],
  ])('%s is not taken', (_, body, header) => {
    expect(() => readMessage(bytes(body), header)).toThrow(ProtocolError);
  });
});
