/** Somebody read the audit trail. An event of the stream `audit`. */
export interface AuditRead {
  readonly type: 'AuditRead';
  readonly data: {
    readonly what: 'entries' | 'session' | 'export';
    /** What was asked for, except addresses: those are personal, and only said to have been given. */
    readonly filter: Readonly<Record<string, string | number | boolean>>;
  };
}
