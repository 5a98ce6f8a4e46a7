import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Argument, Command } from 'commander';

/** An app of its own, which lies beside this one. */
const REBUILD = join(import.meta.dirname, '../../../session-projector/src/rebuild.js');
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export const rebuildCommand = (): Command =>
  new Command('rebuild')
    .description('build the read model anew from the log, while everything runs')
    .addArgument(new Argument('[part]', 'of it').choices(['sessions', 'audit']).default('sessions'))
    .addHelpText(
      'after',
      '\nIt needs DATABASE_URL, MIGRATION_DATABASE_URL and MASTER_KEY, as the projector has them.',
    )
    .action(run);

async function run(part: string): Promise<void> {
  // In a process group of its own: Ctrl-C reaches it through us alone, and once.
  const child = spawn(process.execPath, [REBUILD, part], { stdio: 'inherit', detached: true });
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, () => child.kill(signal));
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
}
