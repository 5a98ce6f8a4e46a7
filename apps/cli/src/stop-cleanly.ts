const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** As of a process that SIGPIPE has ended: whatever it would have said, nobody has read it. */
const NOBODY_READS = 141;

/** Ctrl-C ends it at once, and so does whoever reads no further, such as `| head`: without a word. */
export function stopCleanly(): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => process.exit(code));
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(NOBODY_READS);
      throw error;
    });
  }
}
