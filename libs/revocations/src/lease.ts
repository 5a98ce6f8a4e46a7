import { millisecondsSince, type Moment } from './moment.js';

interface Offer {
  readonly askedAt: Moment;
  readonly revocations: number;
  readonly position: number;
}

/** Of one a second, while something is missing: what is older is worth nothing to anybody. */
const MOST_OFFERS = 1_000;

/**
 * How long ago it was certain that nothing is missing. A head that was asked for at some moment renews the lease to that
 * moment, as soon as everything that the head counts is held; nothing else does.
 */
export class Lease {
  /** Up to this log position everything is held. */
  position = 0;
  private since: Moment | undefined;
  private readonly offers: Offer[] = [];

  /** The head said, when it was asked at `askedAt`, that there are so many revocations up to this position. */
  offer(askedAt: Moment, revocations: number, position: number): void {
    if (this.offers.at(-1)?.revocations === revocations) this.offers.pop();
    this.offers.push({ askedAt, revocations, position });
    if (this.offers.length > MOST_OFFERS) this.offers.shift();
  }

  /** True when the lease was renewed: every number up to `through` is held. */
  settle(through: number): boolean {
    let renewed = false;
    while (this.offers.length > 0 && this.offers[0]!.revocations <= through) {
      const { askedAt, position } = this.offers.shift()!;
      this.since = askedAt;
      this.position = Math.max(this.position, position);
      renewed = true;
    }
    return renewed;
  }

  /** Milliseconds; `Infinity` before the first renewal. */
  staleness(): number {
    return this.since === undefined ? Infinity : millisecondsSince(this.since);
  }
}
