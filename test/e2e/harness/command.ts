import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';

const apps = join(import.meta.dirname, '../../../dist/apps');

/** A command that an operator runs. */
export interface Command {
  /** With what it said, to either output. */
  readonly ended: Promise<{ readonly exit: number | NodeJS.Signals; readonly said: string }>;
  /** The first line that it says which matches. Rejects when it ends without. */
  says(pattern: RegExp): Promise<string>;
  kill(signal?: NodeJS.Signals): void;
}

export function startCommand(
  file: string,
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Command {
  const child = spawn(process.execPath, [join(apps, file), ...args], {
    env: { PATH: process.env.PATH, ...variables },
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
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
}
