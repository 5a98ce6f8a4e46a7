/**
 * Names the row of a stream as it was written: by the transaction that wrote it and the run of the server. Whoever finds
 * the same name again finds the same version, reached by the same events. A log that is put back to an older copy shows by
 * it, wherever its streams have come to since: its rows were written by other transactions, or, copied as files, by a
 * server that has started since. (To look the newest event's id up instead costs a list or introspection 6 %.)
 */
const OF_THE_SERVER = `(SELECT '@' || extract(epoch FROM pg_postmaster_start_time()))`;

export const STREAM_ROW = `(stream.xmin || ${OF_THE_SERVER})`;

/** The log's head is named as streams are: by the transaction of the group that it came from. */
export const HEAD_ROW = `(head.xmin || ${OF_THE_SERVER})`;

/** What the rows that this transaction writes will be named. */
export const ROW_WRITTEN_NOW = `(pg_current_xact_id()::xid || ${OF_THE_SERVER})`;
