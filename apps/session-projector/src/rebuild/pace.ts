const SAY_EVERY_MS = 1_000;

const numbers = new Intl.NumberFormat('en');

/** Says each second how far the filling is, how fast it goes and how long it will take. */
export class Pace {
  private readonly startedAt = performance.now();
  private saidAt = this.startedAt;
  private position = 0;

  constructor(private readonly say: (line: string) => void) {}

  at(position: number, last: number): void {
    this.position = position;
    if (performance.now() - this.saidAt < SAY_EVERY_MS) return;
    this.saidAt = performance.now();
    const left = Math.ceil((last - position) / this.perSecond());
    this.say(
      `${numbers.format(position)} of ${numbers.format(last)} events, ${this.speed()}, ${left} s left`,
    );
  }

  done(): void {
    const seconds = ((performance.now() - this.startedAt) / 1_000).toFixed(1);
    this.say(`${numbers.format(this.position)} events in ${seconds} s, ${this.speed()}`);
  }

  private speed = () => `${numbers.format(Math.round(this.perSecond()))} a second`;

  private perSecond = () => this.position / ((performance.now() - this.startedAt) / 1_000);
}
