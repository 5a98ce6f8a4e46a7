/**
 * Calls `gone` when the npm that runs us has ended. A signal that reaches npm alone ends it and its shell, and
 * would leave us, and all that we started, without anyone to stop it.
 */
export function watchNpm(gone: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, 250);
  timer.unref();
}
