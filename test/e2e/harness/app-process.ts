import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';

const root = join(import.meta.dirname, '../../..');

export interface AppProcess {
  readonly pid: number;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Everything that it has written so far, to either output. */
  output(): string;
  /** The lines of its log so far. */
  lines(): readonly LogLine[];
  /** The first line of its log with this `msg` and fields, of the past or to come. Rejects when it ends without. */
  logged(msg: string, fields?: LogLine): Promise<LogLine>;
  /** Stops it in the middle of whatever it does, keeping its connections and locks; `thaw` lets it go on. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL: it gets no chance to finish anything. */
  kill(): Promise<void>;
  /** SIGTERM; throws unless it ends by itself with exit code 0. */
  stop(): Promise<void>;
}

export type LogLine = Readonly<Record<string, unknown>>;

/** A process of its own, built and started as in production, with nothing in its environment but PATH and `env`. */
export async function startProcess(
  app: string,
  env: Readonly<Record<string, string>>,
  entry = 'main',
): Promise<AppProcess> {
  const file = join(root, 'dist/apps', app, 'src', `${entry}.js`);
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(child, 'spawn');
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');

  const written: string[] = [];
  const lines: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface(output).on('line', (text) => {
      written.push(text);
      const line = parse(text);
      if (!line) return;
      lines.push(line);
      for (const hear of waiting) hear(line);
    });
  }
  const exited = once(child, 'close').then(([code, signal]) => {
    lifeLine.cut();
    return (code ?? signal) as number | NodeJS.Signals;
  });

  const lastWords = () => written.slice(-20).join('\n');
  const stopped = async () => {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const exit = await exited;
    if (exit !== 0) throw new Error(`${app} ended with ${exit}:\n${lastWords()}`);
  };
  let stopping: Promise<void> | undefined;
  return {
    pid: child.pid!,
    exited,
    output: () => written.join('\n'),
    lines: () => lines,
    async logged(msg, fields = {}) {
      const isIt = (line: LogLine) =>
        line.msg === msg && Object.entries(fields).every(([name, value]) => line[name] === value);
      const known = lines.find(isIt);
      if (known) return known;
      return new Promise((resolve, reject) => {
        waiting.add((line) => isIt(line) && resolve(line));
        void exited.then((exit) =>
          reject(new Error(`${app} ended with ${exit} before ${msg}:\n${lastWords()}`)),
        );
      });
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    stop: () => (stopping ??= stopped()),
  };
}

function parse(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}
