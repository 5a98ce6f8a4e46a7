import type { StreamState } from '@nats-io/jetstream';
import { describe, expect, it } from '@jest/globals';
import { StreamReading } from './stream-reading.js';

const CREATED = '2026-11-24T08:00:00.000000001Z';

const holding = (first: number, last: number, created = CREATED) => ({
  created,
  state: { first_seq: first, last_seq: last, messages: last - first + 1 } as StreamState,
});

/** A reading that has taken these sequences, of a stream that held all of them. */
function having(from: number, to: number): StreamReading {
  const reading = new StreamReading();
  reading.expect(holding(from, to), 0);
  for (let sequence = from; sequence <= to; sequence++) reading.take(sequence);
  return reading;
}

describe('reading a stream without leaving out a message', () => {
  it('is told once, when everything was read that was there when the stream was asked', () => {
    const reading = new StreamReading();
    reading.expect(holding(3, 5), 1_000);
    reading.take(3);
    reading.take(4);
    expect(reading.reached()).toBeNull();
    reading.take(5);
    expect(reading.reached()).toEqual({ streamCreated: CREATED, from: 3, to: 5, askedAt: 1_000 });
    expect(reading.reached()).toBeNull();
  });

  it('is told of an empty stream, at its end', () => {
    const reading = new StreamReading();
    reading.expect(holding(8, 7), 1_000);
    expect(reading.reached()).toMatchObject({ from: 8, to: 7 });
  });

  it('is told when all that was read has left the stream since', () => {
    const reading = having(3, 5);
    reading.reached();
    reading.expect(holding(6, 5), 2_000);
    expect(reading.reached()).toMatchObject({ from: 3, to: 5, askedAt: 2_000 });
  });

  it('is told of the time when the stream was asked, though it was asked again meanwhile', () => {
    const reading = new StreamReading();
    reading.expect(holding(1, 2), 1_000);
    reading.take(1);
    reading.expect(holding(1, 9), 2_000);
    reading.take(2);
    expect(reading.reached()).toMatchObject({ to: 2, askedAt: 1_000 });
  });

  it('begins anew behind what does not count', () => {
    const reading = having(3, 5);
    reading.beginAnew();
    expect(reading.reached()).toMatchObject({ from: 6, to: 5 });
    reading.expect(holding(3, 6), 2_000);
    reading.take(6);
    expect(reading.reached()).toMatchObject({ from: 6, to: 6 });
  });

  it.each([
    ['a message is missing', (reading: StreamReading) => reading.take(7)],
    ['a message comes again', (reading: StreamReading) => reading.take(5)],
    ['messages left the stream unread', (reading: StreamReading) => reading.expect(holding(7, 9), 0)],
    ['the stream went back', (reading: StreamReading) => reading.expect(holding(1, 4), 0)],
    [
      'the stream was made anew',
      (reading: StreamReading) => reading.expect(holding(1, 9, '2026-11-24T09:00:00Z'), 0),
    ],
  ])('cannot go on when %s', (_, happens) => {
    expect(() => happens(having(3, 5))).toThrow();
  });
});
