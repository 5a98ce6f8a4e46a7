import type { Logger } from 'pino';

export interface LogEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly name: string;
  readonly code: string;
}

const WINDOW_MS = 1_000;

/**
 * Writes at most `perSecond` lines a second of one event and code, so that nobody can flood the log. What was left out is
 * counted and told when the second is over: `log.left-out`.
 */
export class LimitedLog {
  private readonly windows = new Map<string, { event: LogEvent; lines: number; timer: NodeJS.Timeout }>();

  constructor(
    private readonly logger: Logger,
    private readonly perSecond: number,
  ) {}

  write(event: LogEvent, fields: object): void {
    const key = `${event.name} ${event.code}`;
    let window = this.windows.get(key);
    if (!window) {
      const timer = setTimeout(() => this.end(key), WINDOW_MS).unref();
      this.windows.set(key, (window = { event, lines: 0, timer }));
    }
    if (window.lines++ < this.perSecond) {
      this.logger[event.level]({ code: event.code, ...fields }, event.name);
    }
  }

  /** Tells what was left out so far. */
  close(): void {
    for (const key of this.windows.keys()) this.end(key);
  }

  private end(key: string): void {
    const { event, lines, timer } = this.windows.get(key)!;
    clearTimeout(timer);
    this.windows.delete(key);
    const leftOut = lines - this.perSecond;
    if (leftOut <= 0) return;
    this.logger[event.level]({ event: event.name, code: event.code, leftOut }, 'log.left-out');
  }
}
