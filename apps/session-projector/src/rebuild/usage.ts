export const usage = `Usage: npm run rebuild
       npm run rebuild -- audit
       node dist/apps/session-projector/src/rebuild.js [sessions | audit]     (the same, in the container image)

Builds a part of the read model anew from the log, while everything runs: for one that is damaged, that another log or
version has built, or that still has what was erased. "sessions" is what lists are read from, and is meant when nothing
is said; "audit" is what the audit trail is searched in. A second set of tables is filled (schema read_model_next),
compared with the present one, and takes its place in one transaction. Readers go on all the time, and are right all the
time; when sessions were last seen is kept. The projector goes on behind it by itself.

It needs as much room in the database as that part has, and may be stopped or killed and started again at any
time: it begins anew then. One runs at a time.

  DATABASE_URL            PostgreSQL, as the application's role: fills
  MIGRATION_DATABASE_URL  the same database, as its owner: makes the tables and swaps them
  MASTER_KEY              32 bytes, base64; with PREVIOUS_MASTER_KEYS and NEW_MASTER_KEY as the other processes have them

It exits with 0 when it is done, 1 when it failed or was refused, 2 when it was called wrongly, 130 or 143 when it was
stopped by SIGINT or SIGTERM.`;
