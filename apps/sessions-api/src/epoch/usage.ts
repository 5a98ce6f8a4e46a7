export const usage = `Usage: npm run log:new-epoch -- [--yes]
       node dist/apps/sessions-api/src/epoch/new-epoch.js [--yes]     (the same, in the container image)

To be run once after the log was put back to an older copy. Others may have seen events that the log has lost; in a new
epoch everybody who follows it sees that, and starts again. It works while everything runs, and while NATS is away.

Without --yes it tells what it finds and what would happen, and changes nothing.

It needs the API's environment:

  DATABASE_URL          PostgreSQL, as the application's role
  NATS_URL              to compare the stream; may be away or missing

It exits with 0 when the new epoch has begun, 1 when it failed or was refused, 2 when it was called wrongly.`;
