import { spawn } from 'node:child_process';

/**
 * Sends `signal` to `pid` when this process ends without having cut the line, even by SIGKILL. A process that was
 * stopped goes on, to heed it.
 * The line is a shell that waits for the end of a pipe that only this process holds.
 */
export function tieToLifeOfThisProcess(pid: number, signal: NodeJS.Signals): { cut(): void } {
  const script = `read -r _; kill -${signal.replace('SIG', '')} ${pid}; kill -CONT ${pid}`;
  const line = spawn('/bin/sh', ['-c', script], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  line.on('error', () => {});
  line.stdin.on('error', () => {});
  line.unref();
  (line.stdin as unknown as { unref(): void }).unref();
  return { cut: () => void line.kill('SIGKILL') };
}
