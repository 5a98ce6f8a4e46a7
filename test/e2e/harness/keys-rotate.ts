import { startCommand, type Command } from './command.js';
import type { World } from './world.js';

type Variables = Readonly<Record<string, string>>;

/** The command that an operator runs, with the API's environment; to its end. */
export const keysRotate = (world: World, args: readonly string[], variables: Variables = {}) =>
  startKeysRotate(world, args, variables).ended;

export function startKeysRotate(
  { variables: { DATABASE_URL, MASTER_KEY } }: World,
  args: readonly string[],
  variables: Variables = {},
): Command {
  return startCommand('sessions-api/src/keys/rotate.js', args, { DATABASE_URL, MASTER_KEY, ...variables });
}
