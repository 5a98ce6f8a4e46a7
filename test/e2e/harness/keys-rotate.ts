import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';
import type { World } from './world.js';

const root = join(import.meta.dirname, '../../..');

export interface KeysRotate {
  readonly ended: Promise<{ readonly exit: number | NodeJS.Signals; readonly said: string }>;
  /** The first line that it says which matches. Rejects when it ends without. */
  says(pattern: RegExp): Promise<string>;
  kill(): void;
}

type Variables = Readonly<Record<string, string>>;

/** The command that an operator runs, with the API's environment; to its end. */
export const keysRotate = (world: World, args: readonly string[], variables: Variables = {}) =>
  startKeysRotate(world, args, variables).ended;

export function startKeysRotate(
  world: World,
  args: readonly string[],
  variables: Variables = {},
): KeysRotate {
  const { DATABASE_URL, MASTER_KEY } = world.variables;
  const child = spawn(process.execPath, [join(root, 'dist/apps/sessions-api/src/keys/rotate.js'), ...args], {
    env: { PATH: process.env.PATH, DATABASE_URL, MASTER_KEY, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface(output).on('line', (line) => {
      lines.push(line);
      for (const hear of waiting) hear(line);
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    lifeLine.cut();
    return { exit: (code ?? signal) as number | NodeJS.Signals, said: lines.join('\n') };
  });
  return {
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const known = lines.find((line) => pattern.test(line));
        if (known !== undefined) resolve(known);
        waiting.add((line) => pattern.test(line) && resolve(line));
        void ended.then(({ exit, said }) =>
          reject(new Error(`ended with ${exit} before ${pattern}:\n${said}`)),
        );
      }),
    kill: () => void child.kill('SIGKILL'),
  };
}
