export const usage = `Usage: signoff-dead-letters <command> --service <name> [--servers <url>] [--json]

What a service that uses @signoff/revocations/shared-store could not do with a revocation, in all its tries.

  list
      Each dead letter: its number, when it died, after how many tries, which session it is about, and what was thrown
      the last time.

  replay <number>… | --all
      Gives them to the service again, as often as it tries. They are taken from the list once they are stored for it,
      whether it runs or not; what fails again comes back under another number.

  remove <number>… | --all
      Takes them from the list for good: the service never hears of these revocations again.

  --service <name>   whose: \`service\` among the options of forgetSessions
  --servers <url>    NATS, nats://user:password@host:port, several separated by commas; NATS_URL unless given. Answers come
                     to _INBOX.<user>. As the service's own user, or one that may do the same
  --jetstream-prefix <subject>
                     what JetStream's API begins with in the account of that user: signoff.jetstream with Signoff's
                     deploy/nats.conf
  --json             print JSON

It may be killed and run again at any time: a letter may then be replayed twice, and is never lost.
It exits with 0 when it is done, 1 when it failed or there is no such letter, 2 when it was called wrongly.`;
