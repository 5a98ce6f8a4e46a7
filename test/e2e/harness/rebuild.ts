import { startCommand, type Command } from './command.js';
import type { World } from './world.js';

/** As an operator runs it while everything else runs. */
export function startRebuild({ database, variables }: World, args: readonly string[] = []): Command {
  const { DATABASE_URL, MASTER_KEY } = variables;
  return startCommand('session-projector/src/rebuild.js', args, {
    DATABASE_URL,
    MASTER_KEY,
    MIGRATION_DATABASE_URL: database.ownerUrl,
  });
}

/** Answers what it said; throws unless it was done. */
export async function rebuilt(world: World, ...args: string[]): Promise<string> {
  const { exit, said } = await startRebuild(world, args).ended;
  if (exit !== 0) throw new Error(`the rebuild ended with ${exit}:\n${said}`);
  return said;
}
