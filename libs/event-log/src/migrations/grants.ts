/** What the application's role may do in the log: append, and nothing that changes or removes an event. */
export const eventLogGrants = (role: string): string[] => [
  `GRANT USAGE ON SCHEMA event_log TO ${role}`,
  `GRANT SELECT, INSERT ON event_log.event TO ${role}`,
  `GRANT SELECT, UPDATE ON event_log.head TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE ON event_log.stream, event_log.subject_key TO ${role}`,
  `GRANT SELECT, INSERT, DELETE ON event_log.command TO ${role}`,
  `GRANT SELECT, INSERT ON event_log.checkpoint, event_log.checkpoint_key TO ${role}`,
  `GRANT UPDATE (wrapped_key, master_key_id) ON event_log.checkpoint_key TO ${role}`,
];
