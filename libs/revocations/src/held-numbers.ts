/** A run of numbers without a gap. `position`: the log position of its last one. */
interface Run {
  first: number;
  last: number;
  position: number;
}

/**
 * Which revocations are held, by their numbers: all up to `through`, and runs behind it while some are missing between. The
 * numbers come in any order and any number of times.
 */
export class HeldNumbers {
  /** Ascending, with at least one missing number between two. The first is (0, through]. */
  private readonly runs: Run[] = [{ first: 1, last: 0, position: 0 }];

  /** Everything up to this number is held, or need not be. */
  get through(): number {
    return this.runs[0]!.last;
  }

  /** The log position of that revocation; 0 before the first. */
  get position(): number {
    return this.runs[0]!.position;
  }

  /** The largest number that is held. */
  get largest(): number {
    return this.runs.at(-1)!.last;
  }

  /** How many runs are kept behind `through`. */
  get pending(): number {
    return this.runs.length - 1;
  }

  /** The first number behind `through` that is held, if there is one. */
  get nextHeld(): number | undefined {
    return this.runs[1]?.first;
  }

  has(number: number): boolean {
    const run = this.runs[this.indexOf(number)]!;
    return number <= run.last;
  }

  /** False when it was held already. */
  add(number: number, position: number): boolean {
    const index = this.indexOf(number);
    const run = this.runs[index]!;
    if (number <= run.last) return false;
    const next = this.runs[index + 1];
    if (number === run.last + 1) {
      run.last = number;
      run.position = position;
      if (next?.first === number + 1) this.join(index);
    } else if (next?.first === number + 1) next.first = number;
    else this.runs.splice(index + 1, 0, { first: number, last: number, position });
    return true;
  }

  /** What is not above the floor need not be held. */
  raiseFloor(floor: number): void {
    while (this.runs.length > 1 && this.runs[1]!.first <= floor + 1) {
      this.runs[0]!.last = this.runs[1]!.first - 1;
      this.join(0);
    }
    if (floor > this.through) this.runs[0]!.last = floor;
  }

  /** The last run that begins at or before the number. */
  private indexOf(number: number): number {
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.runs[middle]!.first <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private join(index: number): void {
    const [next] = this.runs.splice(index + 1, 1) as [Run];
    this.runs[index]!.last = next.last;
    this.runs[index]!.position = next.position;
  }
}
