/** Lets one loop sleep until somebody has news for it. A call while nobody sleeps is kept for the next sleep. */
export class WakeUp {
  private pending = false;
  private wake: (() => void) | null = null;

  readonly call = (): void => {
    this.pending = true;
    this.wake?.();
  };

  /** Wakes who sleeps now, and nobody later. */
  rouse(): void {
    this.wake?.();
  }

  /** Resolves at the next call, after `ms`, or when `signal` is aborted. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', this.wake, { once: true });
      });
      if (this.wake) signal.removeEventListener('abort', this.wake);
      this.wake = null;
    }
    this.pending = false;
  }
}
