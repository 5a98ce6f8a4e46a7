import type { RecordedEvent } from '#event-log/event.js';
import type { Head } from '#event-log/head.js';

const MAX_EVENTS = 500;

/** Events that were committed together, and the log's head before them. */
export interface Committed {
  readonly behind: Pick<Head, 'hash'>;
  readonly events: readonly RecordedEvent[];
}

/** What this process has committed itself, so that its relay need not read it from the log. */
export class Handover {
  private groups: Committed[] = [];
  private events = 0;

  get isEmpty(): boolean {
    return this.groups.length === 0;
  }

  offer(group: Committed): void {
    if (this.events > MAX_EVENTS) this.clear();
    this.groups.push(group);
    this.events += group.events.length;
  }

  /**
   * All that was offered and is behind the event at `position` with that hash; null where that is not the whole of it:
   * others have committed in between, too much was offered, or the log was put back to an older copy. Then the log has to
   * be asked. Keeps nothing.
   */
  take(position: number, hash: Buffer): readonly RecordedEvent[] | null {
    const groups = this.groups.filter(({ events }) => events.at(-1)!.position > position);
    const isTooMuch = this.events > MAX_EVENTS;
    this.clear();
    let last = hash;
    for (const { behind, events } of groups) {
      if (isTooMuch || !behind.hash.equals(last)) return null;
      last = events.at(-1)!.hash;
    }
    return groups.length > 0 ? groups.flatMap(({ events }) => events) : null;
  }

  private clear(): void {
    this.groups = [];
    this.events = 0;
  }
}
