import { describeExit, type Exit } from './child.js';

export interface Part {
  readonly name: string;
  readonly exited: Promise<Exit>;
  logTail(): Promise<string>;
  stop(): Promise<void>;
}

/** What this run has started. It ends in reverse order, so that nothing loses what it stands on. */
export class Running {
  private readonly parts: Part[] = [];
  private stopping = false;
  private readonly ended = new AbortController();

  /** Aborted, with an error that tells it, when a part has ended by itself. */
  get death(): AbortSignal {
    return this.ended.signal;
  }

  add(name: string, part: Omit<Part, 'name'>): void {
    this.parts.push({ ...part, name });
    void part.exited.then(async (exit) => {
      if (this.stopping) return;
      const tail = await part.logTail();
      this.ended.abort(new Error(`${name} ${describeExit(exit)}${tail && `. It said last:\n${tail}`}`));
    });
  }

  async stop(say: (line: string) => void): Promise<void> {
    this.stopping = true;
    if (this.parts.length === 0) return;
    say(
      `Stopping ${this.parts
        .map(({ name }) => name)
        .toReversed()
        .join(', ')}`,
    );
    for (const part of this.parts.toReversed()) await part.stop();
    say('Stopped');
  }
}
