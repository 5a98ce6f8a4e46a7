import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Account } from './account.js';
import { tieToLifeOfThisProcess } from './life-line.js';
import { logTail } from './log-tail.js';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** What it has written since it was started, the last lines of it. */
  logTail(): Promise<string>;
  /** Sends the stop signals one after the other until it has ended; safe to call again. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
  readonly account?: Account;
  /** Each signal, and the milliseconds it is given before the next; SIGKILL follows the last. */
  readonly stopSignals: readonly (readonly [NodeJS.Signals, number])[];
}

/**
 * A process in a process group of its own, so that a terminal's Ctrl-C reaches only its parent, which stops
 * its children in order. It does not outlive its parent.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env, cwd, account, logFile, stopSignals } = options;
  const log = await open(logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  try {
    await once(child, 'spawn');
  } finally {
    await log.close();
  }

  const pid = child.pid!;
  const lifeLine = tieToLifeOfThisProcess(pid, stopSignals[0]?.[0] ?? 'SIGKILL');
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      lifeLine.cut();
      resolve({ code, signal });
    });
  });

  const runStop = async () => {
    for (const [signal, patience] of stopSignals) {
      child.kill(signal);
      if (await settlesWithin(exited, patience)) return;
    }
    child.kill('SIGKILL');
    await exited;
  };
  let stopping: Promise<void> | undefined;
  return { pid, exited, logTail: () => logTail(logFile, logStart), stop: () => (stopping ??= runStop()) };
}

export function describeExit({ code, signal }: Exit): string {
  return signal ? `was ended by ${signal}` : `exited with code ${code}`;
}

async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => (timer = setTimeout(resolve, milliseconds, false)));
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
