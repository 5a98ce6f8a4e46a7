import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';

const main = join(import.meta.dirname, '../../../dist/apps/cli/src/main.js');

export interface Said {
  readonly exit: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

export interface Signoff {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Said>;
}

/** The command line as somebody runs it, with nothing in its environment but PATH and `variables`. */
export function startSignoff(
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>> = {},
): Signoff {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code, signal]) => {
    lifeLine.cut();
    return { exit: (code ?? signal) as number | NodeJS.Signals, out, err };
  });
  return { child, ended };
}

export const signoff = (
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>> = {},
) => startSignoff(args, variables).ended;
