const DAY_MS = 86_400_000;

/** The first day (`2026-11-01`) of the month that `days` ago lies in: every month before it ended at least so long ago. */
export function monthsBefore(now: Date, days: number): string {
  return `${new Date(now.getTime() - days * DAY_MS).toISOString().slice(0, 7)}-01`;
}
