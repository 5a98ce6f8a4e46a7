/** Milliseconds of a clock that all processes of this machine share (on Linux), and that nobody sets. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e6;
