import { VERSION } from '#telemetry/version.js';
import { Command } from 'commander';
import { auditCommand } from './commands/audit.js';
import { checkpointCommand } from './commands/checkpoint.js';
import { eraseCommand } from './commands/erase.js';
import { exportCommand } from './commands/export.js';
import { keysCommand } from './commands/keys.js';
import { rebuildCommand } from './commands/rebuild.js';
import { sessionsCommand } from './commands/sessions.js';
import { verifyCommand } from './commands/verify.js';

const ENVIRONMENT = `
Environment:
  SIGNOFF_URL    where the API is (http://127.0.0.1:3000)
  SIGNOFF_KEY    a service key with the scope that the command needs
  DATABASE_URL   PostgreSQL: for verify and rebuild, which do not ask the API

It exits with 0 when it is done, 1 when it failed, was refused or found something wrong, 2 when it was called wrongly,
130 when it was stopped by Ctrl-C.`;

export function program(): Command {
  const signoff = new Command('signoff')
    .description('Sessions, API keys and the audit trail of Signoff, from the command line')
    .version(VERSION)
    .helpCommand(false)
    .addHelpText('after', ENVIRONMENT);
  for (const command of [
    verifyCommand(),
    auditCommand(),
    exportCommand(),
    checkpointCommand(),
    keysCommand(),
    sessionsCommand(),
    eraseCommand(),
    rebuildCommand(),
  ]) {
    signoff.addCommand(command);
  }
  throwInsteadOfExit(signoff);
  return signoff;
}

/** What has to be written is written before the process ends. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help tells more)');
  for (const one of command.commands) throwInsteadOfExit(one);
}
