export const usage = `Usage: npm run keys:rotate -- <command>
       node dist/apps/sessions-api/src/keys/rotate.js <command>     (the same, in the container image)

Changes the keys that Signoff signs and seals with while it runs. "signing", "checkpoint" and "master" sign nobody out.

  list
      Every signing key: its state (next, current, superseded, retired, removed), when it was made, from when on it
      signs, and until when it is published.

  signing [--at-once]
      Makes a new signing key. It is published at /.well-known/jwks.json now and signs in 10 minutes, when every copy
      of the JWKS (which may be kept for 300 s) has it. The key before it stays published until the last credential
      signed with it has expired (91 days later), and its private half is destroyed an hour after its last signature.
      With --at-once the new key (or the one that waits for its time) signs now: services that verify credentials by
      themselves may refuse new credentials until they have fetched the JWKS again. It is for tests and emergencies.

  remove <kid> --yes
      For a key that somebody else may have: it is neither published nor accepted any more. When the command ends, no
      API process accepts a credential signed with it; services that verify by themselves follow when they next fetch
      the JWKS. Sessions stay, but whoever holds such a credential gets 401 until signing in again, or until the login
      service extends the session. If it is the current key, another one signs at once.

  checkpoint
      Makes a new key that signs checkpoints from now on, and destroys the private half of the one before, whose public
      half stays published. Prints the new one's public half: whoever keeps checkpoints has to keep both.

  master
      Wraps every key that is kept in the database by MASTER_KEY instead of by PREVIOUS_MASTER_KEYS (or by
      NEW_MASTER_KEY instead of by MASTER_KEY, where that is given), while everything runs. It may be killed and run
      again at any time. To change the master key:

        1. Start every process again, one after the other, with NEW_MASTER_KEY=<new> beside MASTER_KEY=<old>: all can
           open what the new one wraps before anybody uses it. (Not needed when all processes stop together.)
        2. Start every process again with MASTER_KEY=<new> and PREVIOUS_MASTER_KEYS=<old>, without NEW_MASTER_KEY.
        3. Run "master" with the same variables.
        4. Start every process again without PREVIOUS_MASTER_KEYS. One that still needs the old key refuses to start.

      Keep the old key for as long as you keep backups of the database that were made before step 3.

It needs the API's environment:

  DATABASE_URL          PostgreSQL, as the application's role
  MASTER_KEY            32 bytes, base64: wraps every key
  PREVIOUS_MASTER_KEYS  old master keys, separated by commas: open what they wrapped, and wrap nothing
  NEW_MASTER_KEY        the next master key: opens what it wrapped, and wraps nothing yet

It exits with 0 when it is done, 1 when it failed or was refused, 2 when it was called wrongly.`;
