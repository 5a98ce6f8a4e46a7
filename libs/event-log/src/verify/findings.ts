/** What can be wrong; of one position, what tells most comes first. */
const CHECKS = [
  'position',
  'hash',
  'head',
  'checkpoint',
  'version',
  'revocation',
  'time',
  'stream',
  'export',
] as const;
export type Check = (typeof CHECKS)[number];

/** Something that is not as it has to be. */
export interface Finding {
  /** Of the log; null where it concerns none. */
  readonly position: number | null;
  readonly check: Check;
  readonly message: string;
}

const KEPT = 1_000;

/** What was found, of which so many are kept; all are counted. */
export class Findings {
  count = 0;
  private readonly kept: Finding[] = [];

  add(position: number | null, check: Check, message: string): void {
    this.count++;
    if (this.kept.length < KEPT) this.kept.push({ position, check, message });
  }

  /** The first bad position first; what concerns no position last. */
  inOrder(): Finding[] {
    const place = ({ position }: Finding) => position ?? Number.MAX_SAFE_INTEGER;
    return this.kept.toSorted(
      (one, other) => place(one) - place(other) || CHECKS.indexOf(one.check) - CHECKS.indexOf(other.check),
    );
  }
}
