import { remark } from './output.js';

const SAY_EVERY_MS = 1_000;
const numbers = new Intl.NumberFormat('en');

/** Says each second how far it is, how fast it goes and, where that is known, how long it will take. */
export class Pace {
  private readonly startedAt = performance.now();
  private saidAt = this.startedAt;

  at(events: number, of: number | null): void {
    if (performance.now() - this.saidAt < SAY_EVERY_MS) return;
    this.saidAt = performance.now();
    const perSecond = events / this.seconds;
    const whole = of === null ? '' : ` of ${numbers.format(of)}`;
    const left = of === null ? '' : `, ${Math.max(0, Math.ceil((of - events) / perSecond))} s left`;
    remark(
      `${numbers.format(events)}${whole} events, ${numbers.format(Math.round(perSecond))} a second${left}`,
    );
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1_000;
  }
}
