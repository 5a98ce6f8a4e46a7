import { digitAt, fiveDigitsAt, isSessionId, looksLikeSessionId } from './session-id.js';

/** The places of an identifier's last five digits are divided among 256 segments, then by what the other bits say. */
const SEGMENT_BITS = 8;
const SEGMENTS = 2 ** SEGMENT_BITS;
/** How many values the other bits can have. */
const HOMES = Math.ceil(62 ** 5 / SEGMENTS);
const STRIDE = 5;
const SMALLEST = 8;
const FULL = 0.7;
const SPARSE = 0.3;
const GROWTH = 1.5;
const MINUTE_MS = 60_000;
const LATEST_MINUTE = 2 ** 26 - 1;

type Segment = Uint32Array<ArrayBuffer>;

/**
 * A set of session identifiers, each with the time until which it is kept. Exact; 29 to 43 bytes an entry. `has` allocates
 * nothing, and a change moves a 256th of the set at most.
 *
 * Open addressing in segments, each of which grows and shrinks on its own. A place is five words:
 *
 *     0     30 bits: the digits 3 to 7 of the identifier (five base62 digits are less than 2^30), 2 bits of the first
 *     1     30 bits: the digits 8 to 12, 1 bit of the first (it is 7 at most: 2^128 < 8 * 62^21)
 *     2, 3  the digits 13 to 17 and 18 to 22. The last word is the hash, since identifiers are random
 *     4     26 bits: the minute since 1970 from which on it may be dropped; 6 bits: the digit 2. 0: nobody is here
 *
 * What is removed leaves no trace: what stands behind it moves up.
 */
export class RevokedSet {
  private segments = emptySegments();
  private readonly counts = new Uint32Array(SEGMENTS);
  private nextToSweep = 0;
  private total = 0;

  get size(): number {
    return this.total;
  }

  /** Throws `RangeError` when the text is visibly no session identifier. */
  has(sessionId: string): boolean {
    const last = looksLikeSessionId(sessionId) ? fiveDigitsAt(sessionId, 25) : -1;
    if (last < 0) throw notAnIdentifier(sessionId);
    const segment = this.segments[last & (SEGMENTS - 1)]!;
    return segment[placeOf(segment, sessionId, last) + 4] !== 0;
  }

  /** Keeps it until `keepUntil` (milliseconds since 1970) at least, and never shorter than was said before. */
  add(sessionId: string, keepUntil: number): void {
    if (!isSessionId(sessionId)) throw notAnIdentifier(sessionId);
    const last = fiveDigitsAt(sessionId, 25);
    const which = last & (SEGMENTS - 1);
    let segment = this.segments[which]!;
    let at = placeOf(segment, sessionId, last);
    const minute = Math.min(Math.max(Math.ceil(keepUntil / MINUTE_MS), 1), LATEST_MINUTE);
    const kept = ((minute << 6) | digitAt(sessionId, 9)) >>> 0;
    if (segment[at + 4] !== 0) {
      segment[at + 4] = Math.max(segment[at + 4]!, kept);
      return;
    }
    if (this.counts[which]! + 1 > (segment.length / STRIDE) * FULL) {
      segment = this.resize(which, (segment.length / STRIDE) * GROWTH);
      at = placeOf(segment, sessionId, last);
    }
    segment[at] = firstWord(sessionId);
    segment[at + 1] = secondWord(sessionId);
    segment[at + 2] = fiveDigitsAt(sessionId, 20);
    segment[at + 3] = last;
    segment[at + 4] = kept;
    this.counts[which]!++;
    this.total++;
  }

  /** Drops what need not be kept any more at `now` (milliseconds since 1970) from one segment, the next at each call. */
  sweep(now: number): void {
    const which = this.nextToSweep;
    this.nextToSweep = (which + 1) % SEGMENTS;
    const segment = this.segments[which]!;
    const minute = Math.floor(now / MINUTE_MS);
    for (let at = 0; at < segment.length;) {
      const kept = segment[at + 4]!;
      if (kept !== 0 && kept >>> 6 <= minute) {
        remove(segment, at);
        this.counts[which]!--;
        this.total--;
      } else at += STRIDE;
    }
    const places = segment.length / STRIDE;
    if (places > SMALLEST && this.counts[which]! < places * SPARSE) {
      this.resize(which, (this.counts[which]! / FULL) * GROWTH);
    }
  }

  clear(): void {
    this.segments = emptySegments();
    this.counts.fill(0);
    this.total = 0;
  }

  private resize(which: number, places: number): Segment {
    const old = this.segments[which]!;
    const segment = newSegment(places);
    for (let from = 0; from < old.length; from += STRIDE) {
      if (old[from + 4] === 0) continue;
      let at = home(segment, old[from + 3]!);
      while (segment[at + 4] !== 0) at = behind(segment, at);
      for (let i = 0; i < STRIDE; i++) segment[at + i] = old[from + i]!;
    }
    return (this.segments[which] = segment);
  }
}

const notAnIdentifier = (text: unknown) =>
  new RangeError(`not a session identifier: ${String(text).slice(0, 64)}`);

const newSegment = (places: number) => new Uint32Array(STRIDE * Math.max(SMALLEST, Math.ceil(places)));
const emptySegments = () => Array.from({ length: SEGMENTS }, () => newSegment(0));

const firstWord = (id: string) => (fiveDigitsAt(id, 10) | (digitAt(id, 8) << 30)) >>> 0;
const secondWord = (id: string) => (fiveDigitsAt(id, 15) | ((digitAt(id, 8) >> 2) << 30)) >>> 0;

/** Where the identifier stands, or the empty place where it would. The rest of it is read only when its last digits match. */
function placeOf(segment: Segment, id: string, last: number): number {
  let at = home(segment, last);
  while (segment[at + 4] !== 0) {
    if (
      segment[at + 3] === last &&
      segment[at + 2] === fiveDigitsAt(id, 20) &&
      segment[at + 1] === secondWord(id) &&
      segment[at] === firstWord(id) &&
      (segment[at + 4]! & 63) === digitAt(id, 9)
    ) {
      return at;
    }
    at = behind(segment, at);
  }
  return at;
}

/** What stands behind the hole, up to the next empty place, moves into it unless that is before its home. */
function remove(segment: Segment, gone: number): void {
  let hole = gone;
  for (let at = behind(segment, hole); segment[at + 4] !== 0; at = behind(segment, at)) {
    const from = home(segment, segment[at + 3]!);
    const atHome = hole <= at ? hole < from && from <= at : hole < from || from <= at;
    if (atHome) continue;
    segment.copyWithin(hole, at, at + STRIDE);
    hole = at;
  }
  segment[hole + 4] = 0;
}

const behind = (segment: Segment, at: number) => (at + STRIDE < segment.length ? at + STRIDE : 0);

const home = (segment: Segment, last: number) =>
  ((((last >>> SEGMENT_BITS) * (segment.length / STRIDE)) / HOMES) | 0) * STRIDE;
