/** A point in this process's time. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export const moment = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

/** By the clock that has gone further: the one stands still while a machine sleeps, the other may be set back. */
export const millisecondsSince = (then: Moment): number =>
  Math.max(performance.now() - then.monotonic, Date.now() - then.wall);
