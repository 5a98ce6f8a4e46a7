import type { RecordedEvent } from '../event.js';
import { GENESIS_HASH, hashEvent } from '../hash-chain.js';
import type { Findings } from './findings.js';
import { Streams } from './streams.js';

/** An event whose hash is not that of its columns, until the next one tells more. */
interface Broken {
  readonly position: number;
  /** What its hash would be. */
  readonly computed: Buffer;
}

export interface ChainStart {
  readonly position: number;
  /** Of the event there. */
  readonly hash: Buffer;
}

const GENESIS: ChainStart = { position: 0, hash: GENESIS_HASH };

/**
 * The events of a log, one after the other: positions, versions and revocation numbers without a gap, times that never go
 * back, each hash recomputed from the columns and the hash before. After a fault it goes on with what stands there, so
 * that one fault is told once. Behind a start other than the log's own, versions and revocations count from what comes.
 */
export class Chain {
  readonly streams: Streams;
  position: number;
  events = 0;
  revocations: number | null;
  /** As it stands in the newest event; null before the first that could be chained. */
  hash: Buffer | null;
  private time = -Infinity;
  private broken: Broken | undefined;

  constructor(
    private readonly logId: string,
    private readonly findings: Findings,
    start = GENESIS,
  ) {
    const isWhole = start.position === 0;
    this.position = start.position;
    this.hash = start.hash;
    this.revocations = isWhole ? 0 : null;
    this.streams = new Streams(findings, isWhole);
  }

  add(event: RecordedEvent): void {
    this.events++;
    if (event.position <= this.position) {
      this.findings.add(
        event.position,
        'position',
        `stands behind ${this.position}: it is there twice, or was moved`,
      );
      return;
    }
    if (event.position > this.position + 1) this.skip(event.position);
    this.position = event.position;
    this.checkHash(event);
    this.streams.add(event);
    this.checkRevocation(event);
    if (event.recordedAt < this.time) {
      this.findings.add(event.position, 'time', 'was recorded before the event before it');
    }
    this.time = event.recordedAt;
  }

  /** At the end: whether `hash`, that somebody else has of the newest event, tells what is wrong with it. */
  finish(hash: Buffer | null): void {
    if (!this.broken) return;
    if (hash && hash.equals(this.broken.computed)) this.tell('only its hash');
    else this.tell(hash && this.hash && hash.equals(this.hash) ? 'anything but its hash' : 'unknown');
  }

  private skip(position: number): void {
    this.settle('unknown');
    const [first, last] = [this.position + 1, position - 1];
    this.findings.add(
      first,
      'position',
      first === last
        ? `is missing; whether ${position} was changed cannot be told without it`
        : `is missing, and all up to ${last}; whether ${position} was changed cannot be told without them`,
    );
    this.hash = null;
  }

  private checkHash(event: RecordedEvent): void {
    const computed = this.hash && hashEvent(this.logId, this.hash, event);
    if (!computed || computed.equals(event.hash)) {
      this.settle('anything but its hash');
      this.hash = event.hash;
      return;
    }
    const follows = this.broken && hashEvent(this.logId, this.broken.computed, event).equals(event.hash);
    this.settle(follows ? 'only its hash' : 'unknown');
    this.hash = event.hash;
    if (!follows) this.broken = { position: event.position, computed };
  }

  private settle(what: Changed): void {
    if (this.broken) this.tell(what);
  }

  private tell(what: Changed): void {
    const { position } = this.broken!;
    this.broken = undefined;
    this.findings.add(position, 'hash', MESSAGES[what](position));
  }

  private checkRevocation({ position, type, revocation }: RecordedEvent): void {
    if (type !== 'SessionRevoked') {
      if (revocation !== null) {
        this.findings.add(position, 'revocation', `has a revocation number, ${revocation}, and is a ${type}`);
      }
      return;
    }
    const due = this.revocations === null ? revocation : this.revocations + 1;
    if (revocation !== due || due === null) {
      this.findings.add(
        position,
        'revocation',
        `has the revocation number ${revocation}${due === null ? '' : `, ${due} is due`}`,
      );
    }
    this.revocations = revocation ?? due;
  }
}

type Changed = 'only its hash' | 'anything but its hash' | 'unknown';

const before = (position: number) =>
  position === 1 ? 'the log’s id is another' : `the event at ${position - 1} was replaced with its hash`;

const MESSAGES: Record<Changed, (position: number) => string> = {
  'only its hash': () => 'its hash was changed; its other columns are as they were recorded',
  'anything but its hash': (position) =>
    `its hash is not that of its columns: one of them was changed (a hash does not tell which), or ${before(position)}`,
  unknown: (position) =>
    `its hash is not that of its columns: it was changed (a hash does not tell which column), or ${before(position)}`,
};
